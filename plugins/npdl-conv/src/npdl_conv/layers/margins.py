"""Layers that add or cut margins around images."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_conv.geometry import Pads, pads
from npdl_core.checks import check_int
from npdl_core.errors import ConfigError, ShapeError
from npdl_core.layers.base import Layer, Shape

__all__ = ["Cropping", "ZeroPadding"]

Array = NDArray[Any]


class _Margins(Layer):
    """Resolves one margin, one for each axis, or a pair for each axis, of the last ``n_axes`` axes."""

    def __init__(self, size: Any = 1, n_axes: int = 2) -> None:
        self.n_axes = check_int("n_axes", n_axes, 1, 3)
        margins = pads(size, self.n_axes)
        if isinstance(margins, str):
            raise ConfigError(f"{self}: size must be numbers, got {size!r}")
        self.margins: Pads = margins

    def _shape(self, prev_layer: Any) -> Shape:
        shape: Shape = tuple(self.incoming_shape(prev_layer))
        if len(shape) <= self.n_axes:
            raise ShapeError(f"{self}: {self.n_axes} axes behind the batch are needed, got shape {shape}")
        return shape

    def _around(self, array: Array) -> Array:
        lead = ((0, 0),) * (array.ndim - self.n_axes)
        return np.pad(array, (*lead, *self.margins))

    def _within(self, array: Array) -> Array:
        sizes = array.shape[-self.n_axes :]
        inner = (
            slice(before, size - after) for (before, after), size in zip(self.margins, sizes, strict=True)
        )
        within: Array = array[(slice(None),) * (array.ndim - self.n_axes) + tuple(inner)]
        return within


class ZeroPadding(_Margins):
    """Put zeros around the last axes.

    Parameters
    ----------
    size : int, sequence of int, or sequence of pairs
        For all sides, for each axis, or before and after each axis.
    n_axes : int
        How many of the last axes get a margin.

    Notes
    -----
    Input (N, C, H, W), output (N, C, H + before + after, W + before + after).

    Examples
    --------
    >>> ZeroPadding(((1, 0), (2, 2))).connect((None, 3, 4, 5)).out_shape
    (None, 3, 5, 9)
    """

    def connect_to(self, prev_layer: Any = None) -> None:
        """Add the margins to the shape."""
        shape = self._shape(prev_layer)
        sizes = zip(shape[-self.n_axes :], self.margins, strict=True)
        self.out_shape = (
            *shape[: -self.n_axes],
            *(None if s is None else s + sum(margin) for s, margin in sizes),
        )

    def forward(self, input: Any, train: bool = True) -> Array:
        """Return the input with zeros around it."""
        return self._around(input)

    def backward(self, pre_grad: Any) -> Array:
        """Return the inner part of ``pre_grad``."""
        return self._within(pre_grad)


class Cropping(_Margins):
    """Cut margins off the last axes.

    Parameters
    ----------
    size : int, sequence of int, or sequence of pairs
        For all sides, for each axis, or before and after each axis.
    n_axes : int
        How many of the last axes are cut.

    Raises
    ------
    ShapeError
        On connecting, if nothing would be left.

    Examples
    --------
    >>> Cropping(1).connect((None, 3, 4, 5)).out_shape
    (None, 3, 2, 3)
    """

    def connect_to(self, prev_layer: Any = None) -> None:
        """Take the margins off the shape."""
        shape = self._shape(prev_layer)
        sizes = []
        for axis, (size, margin) in enumerate(zip(shape[-self.n_axes :], self.margins, strict=True)):
            if size is not None and size <= sum(margin):
                where = len(shape) - self.n_axes + axis
                raise ShapeError(f"{self}: along axis {where}, cutting {margin} leaves nothing of {size}")
            sizes.append(None if size is None else size - sum(margin))
        self.out_shape = (*shape[: -self.n_axes], *sizes)

    def forward(self, input: Any, train: bool = True) -> Array:
        """Return the inner part of the input."""
        return self._within(input)

    def backward(self, pre_grad: Any) -> Array:
        """Return ``pre_grad`` with zeros around it."""
        return self._around(pre_grad)
