"""A shortcut around a layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import ShapeError
from npdl_core.layers.base import Layer

__all__ = ["Residual"]


class Residual(Layer):
    r"""Add a layer's output to its input: :math:`y = x + f(x)`.

    Parameters
    ----------
    layer : str, envelope or Layer
        f; it must keep the shape.

    Notes
    -----
    Source: He et al., Deep residual learning for image recognition, 2016.

    Examples
    --------
    >>> layer = Residual({"name": "dense", "config": {"n_out": 3}}).connect((None, 3))
    >>> layer.out_shape
    (None, 3)
    """

    def __init__(self, layer: Any) -> None:
        self.add_layer("layer", layer)
        self.accepts_mask = self.layer.accepts_mask
        self.integer_input = self.layer.integer_input

    def connect_to(self, prev_layer: Any = None) -> None:
        """Connect the inner layer and check that it keeps the shape."""
        shape = self.single_shape(prev_layer)
        self.layer.connect(shape)
        if tuple(self.layer.out_shape) != shape:
            raise ShapeError(
                f"residual: {self.layer} turns shape {shape} into {self.layer.out_shape}; it must keep it"
            )
        self.out_shape = shape

    def forward(self, input: Any, train: bool = True, *, mask: NDArray[np.bool_] | None = None) -> Any:
        """Return input + layer(input)."""
        given = {"mask": mask} if self.layer.accepts_mask else {}
        return input + self.layer.forward(input, train=train, **given)

    def backward(self, pre_grad: Any) -> Any:
        """Return the gradient through both ways."""
        return pre_grad + self.layer.backward(pre_grad)

    def compute_mask(self, input: Any, mask: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
        """Return the inner layer's mask."""
        inner: NDArray[np.bool_] | None = self.layer.compute_mask(input, mask)
        return inner
