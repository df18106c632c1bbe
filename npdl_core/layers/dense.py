"""Fully connected layers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core import kernels, registry
from npdl_core.activations.base import activate, activation_vjp
from npdl_core.activations.rectifiers import ReLU
from npdl_core.checks import check_bool, check_int
from npdl_core.layers.base import Layer

__all__ = ["Dense", "Linear", "Softmax"]


class Dense(Layer):
    r"""A fully connected layer: :math:`y = f(x W + b)` over the last axis.

    Parameters
    ----------
    n_out : int
        H, how many units.
    n_in : int, optional
        D, needed only by a first layer that must connect before it sees data.
    init : str, Initializer or array (D, H)
        How to fill W; b starts at zero.
    activation : str or Activation
        f.
    use_bias : bool
        False leaves b out.

    Notes
    -----
    Input (..., D), output (..., H); W (D, H), b (H,). Gradients, with :math:`\delta = g \circ f'`:
    :math:`dW = x^\top \delta`, :math:`db = \sum \delta`, :math:`dx = \delta W^\top`, sums over all axes but
    the last.

    Raises
    ------
    MissingShapeError
        On connecting, if the last axis of the input is not known.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Dense(2, init="one", activation="linear").connect((None, 3))
    >>> layer.forward(np.ones((1, 3), "float32"), train=False)
    array([[3., 3.]], dtype=float32)
    """

    def __init__(
        self,
        n_out: int,
        n_in: int | None = None,
        init: Any = "glorot_uniform",
        activation: Any = "tanh",
        use_bias: bool = True,
    ) -> None:
        self.n_out = check_int("n_out", n_out, 1)
        self.n_in = None if n_in is None else check_int("n_in", n_in, 1)
        self.init = self.init_argument("init", init)
        self.activation = registry.get("activations", activation)
        self.use_bias = check_bool("use_bias", use_bias)
        self.ends_with = getattr(self.activation, "ends_with", None)

    def connect_to(self, prev_layer: Any = None) -> None:
        """Make W and b for the last axis of the input."""
        shape = self.single_shape(prev_layer)
        self.add_param("W", (shape[-1], self.n_out), self.init)
        if self.use_bias:
            self.add_param("b", (self.n_out,), "zero", decay=False)
        self.out_shape = (*shape[:-1], self.n_out)

    def forward(self, input: Any, train: bool = True) -> NDArray[Any]:
        """Return f(input W + b), (..., H) for input (..., D)."""
        rows = self._rows(input, train)
        shape = (rows.shape[0], self.n_out)
        scores = self.work_array("scores", shape) if train else np.empty(shape, self.dtype)
        bias = self.b if self.use_bias else None
        keep_scores, output = False, scores
        if self.rectifies:
            kernels.affine_forward(rows, self.W, bias, scores, rectify=True)
        else:
            kernels.affine_forward(rows, self.W, bias, scores)
            keep_scores = train and getattr(self.activation, "needs_input", True)
            output = activate(
                self.activation, scores, self.work_array("output", shape) if keep_scores else scores
            )
        if train:
            self.retain(rows, scores if keep_scores else None, output)
        return output if input.ndim == 2 else output.reshape(*input.shape[:-1], self.n_out)

    @property
    def rectifies(self) -> bool:
        """Whether the activation is the rectifier, which the kernels apply themselves."""
        return type(self.activation) is ReLU

    def _rows(self, input: NDArray[Any], train: bool) -> NDArray[Any]:
        """Return (..., D) as (M, D); what training has to copy for that goes where the last copy was."""
        if train and not (input.ndim == 2 or input.flags.c_contiguous):
            kept = self.work_array("rows", input.shape, input.dtype)
            kept[...] = input
            return as_rows(kept)
        return as_rows(input)

    def backward(self, pre_grad: Any, skip_activation: bool = False) -> NDArray[Any] | None:
        """Write dW and db, return dx (..., D); ``skip_activation``: ``pre_grad`` is that of f's argument."""
        rows, scores, output = self.retained()
        delta, options = as_rows(pre_grad), {}
        if not skip_activation:
            scratch = self.work_array("delta", output.shape)
            if self.rectifies:
                options = {"rectified": output, "scratch": scratch}
            else:
                delta = activation_vjp(self.activation, delta, scores, output, scratch)
        grad = None if self.first_layer else self.work_array("input_grad", rows.shape)
        db = self.db if self.use_bias else None
        kernels.affine_backward(delta, rows, self.W, self.dW, db, grad, **options)
        if grad is None or pre_grad.ndim == 2:
            return grad
        return grad.reshape(*pre_grad.shape[:-1], rows.shape[1])


def as_rows(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array (..., D) as (M, D)."""
    return array if array.ndim == 2 else array.reshape(-1, array.shape[-1])


class Linear(Dense):
    r"""An affine map :math:`y = x W + b`: :class:`Dense` without an activation.

    Parameters
    ----------
    n_out, n_in, init, use_bias
        As of :class:`Dense`.

    Notes
    -----
    Input (..., D), output (..., H); W (D, H), b (H,).

    Examples
    --------
    >>> Linear(4).connect((None, 3)).out_shape
    (None, 4)
    """

    def __init__(
        self, n_out: int, n_in: int | None = None, init: Any = "glorot_uniform", use_bias: bool = True
    ) -> None:
        super().__init__(n_out, n_in, init, "linear", use_bias)


class Softmax(Dense):
    r"""A read-out layer: :math:`y = \mathrm{softmax}(x W + b)` over the last axis; rows sum to 1.

    Parameters
    ----------
    n_out, n_in, init, use_bias
        As of :class:`Dense`.

    Notes
    -----
    Input (..., D), output (..., K); W (D, K), b (K,). With the softmax cross-entropy the two derivatives are
    fused.

    Examples
    --------
    >>> Softmax(10).connect((None, 3)).ends_with
    'softmax'
    """

    def __init__(
        self, n_out: int, n_in: int | None = None, init: Any = "glorot_uniform", use_bias: bool = True
    ) -> None:
        super().__init__(n_out, n_in, init, "softmax", use_bias)
