"""A read-out that shares its weights with another layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core import registry
from npdl_core.activations.base import activate, activation_vjp
from npdl_core.checks import check_bool
from npdl_core.errors import ConfigError, ShapeError
from npdl_core.layers.base import Layer

__all__ = ["TiedDense"]


class TiedDense(Layer):
    r"""A dense layer with the transposed weights of another one: :math:`y = f(x W^\top + b)`.

    Parameters
    ----------
    layer : Layer
        The layer of the same model, before this one, whose W (V, D) is used: an embedding or a dense layer.
    activation : str or Activation
        f.
    use_bias : bool
        False leaves b out.

    Notes
    -----
    Input (..., D), output (..., V); W (V, D) is the other layer's, b (V,). The model adds both layers' dW.
    Source: Press and Wolf, Using the output embedding to improve language models, 2017.

    Examples
    --------
    >>> from npdl_core.layers import Embedding
    >>> table = Embedding(input_size=7, n_out=3).connect((None, 2))
    >>> TiedDense(table).connect((None, 2, 3)).out_shape
    (None, 2, 7)
    """

    def __init__(self, layer: Any, activation: Any = "linear", use_bias: bool = True) -> None:
        if not isinstance(layer, Layer):
            raise ConfigError(
                "tied_dense: layer must be a layer of the same model, such as its embedding, not a name"
            )
        self.source = layer
        self.activation = registry.get("activations", activation)
        self.use_bias = check_bool("use_bias", use_bias)
        self.ends_with = getattr(self.activation, "ends_with", None)

    def connect_to(self, prev_layer: Any = None) -> None:
        """Share W and make b.

        Raises
        ------
        ShapeError
            If the input's last axis is not that of W.
        """
        shape = self.single_shape(prev_layer)
        weights = self.share_param("W", self.source, "W")
        if weights.ndim != 2 or shape[-1] != weights.shape[1]:
            raise ShapeError(
                f"tied_dense: inputs of shape {tuple(shape)} do not fit the shared W {weights.shape}"
            )
        self.n_out = weights.shape[0]
        if self.use_bias:
            self.add_param("b", (self.n_out,), "zero", decay=False)
        self.out_shape = (*shape[:-1], self.n_out)

    def forward(self, input: Any, train: bool = True) -> NDArray[Any]:
        """Return f(input Wᵀ + b), (..., V) for input (..., D)."""
        rows = input.reshape(-1, input.shape[-1])
        scores = np.matmul(rows, self.W.T)
        if self.use_bias:
            scores += self.b
        output = activate(self.activation, scores, np.empty_like(scores))
        if train:
            self.retain(rows, scores, output)
        return output.reshape(*input.shape[:-1], self.n_out)

    def backward(self, pre_grad: Any, skip_activation: bool = False) -> NDArray[Any] | None:
        """Write dW and db, return dx (..., D)."""
        rows, scores, output = self.retained()
        delta = pre_grad.reshape(-1, self.n_out)
        if not skip_activation:
            delta = activation_vjp(self.activation, delta, scores, output, np.empty_like(output))
        if "dW" in self.__dict__:
            self.dW = delta.T @ rows
        if self.use_bias:
            self.db = delta.sum(axis=0)
        return None if self.first_layer else (delta @ self.W).reshape(*pre_grad.shape[:-1], rows.shape[1])
