"""Costs on the size of a layer's weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_float
from npdl_core.layers.base import Layer
from npdl_core.parameters import Parameter

__all__ = ["Regularization"]


class Regularization(Layer):
    r"""A layer whose weights cost something.

    Adds :math:`\lambda_1 \sum |w| + \lambda_2 \sum w^2` to the loss.

    Parameters
    ----------
    layer : str, envelope or Layer
        The layer; only parameters that decay count, so biases do not.
    l1, l2 : float
        The two factors, at least 0.

    Notes
    -----
    The gradient :math:`\lambda_1 \mathrm{sign}(w) + 2 \lambda_2 w` is added to the layer's own.

    Examples
    --------
    >>> dense = {"name": "dense", "config": {"n_out": 1, "init": "one"}}
    >>> Regularization(dense, l2=0.5).connect((None, 4)).cost()
    2.0
    """

    def __init__(self, layer: Any, l1: float = 0.0, l2: float = 0.0) -> None:
        self.add_layer("layer", layer)
        self.l1 = check_float("l1", l1, 0)
        self.l2 = check_float("l2", l2, 0)
        self.accepts_mask = self.layer.accepts_mask
        self.integer_input = self.layer.integer_input
        self.ends_with = self.layer.ends_with

    def declared_input_shape(self) -> Any:
        """Return the inner layer's."""
        return self.layer.declared_input_shape()

    def connect_to(self, prev_layer: Any = None) -> None:
        """Connect the inner layer."""
        self.layer.connect(self.incoming_shape(prev_layer))
        self.out_shape = self.layer.out_shape

    def _penalised(self) -> list[Parameter]:
        return [p for _, p in self.layer.named_parameters() if p.decay and not p.frozen]

    def forward(self, input: Any, train: bool = True, *, mask: NDArray[np.bool_] | None = None) -> Any:
        """Return the inner layer's output."""
        given = {"mask": mask} if self.layer.accepts_mask else {}
        return self.layer.forward(input, train=train, **given)

    def backward(self, pre_grad: Any, **options: Any) -> Any:
        """Run the inner layer's backward and add the cost's gradient."""
        self.layer.first_layer = self.first_layer
        grad = self.layer.backward(pre_grad, **options)
        for parameter in self._penalised():
            if parameter.grad is not None:
                parameter.grad += self.l1 * np.sign(parameter.value) + 2 * self.l2 * parameter.value
        return grad

    def cost(self) -> float:
        """Return the penalty, and what the inner layer adds itself."""
        values = [p.value.astype(np.float64) for p in self._penalised()]
        own = sum(self.l1 * float(np.abs(w).sum()) + self.l2 * float(np.square(w).sum()) for w in values)
        return own + super().cost()

    def compute_mask(self, input: Any, mask: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
        """Return the inner layer's mask."""
        inner: NDArray[np.bool_] | None = self.layer.compute_mask(input, mask)
        return inner
