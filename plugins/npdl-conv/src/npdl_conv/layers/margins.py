"""Layers that add or cut margins around images."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_conv.geometry import Mask, Pads, pads, steps_axis
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
        shape = self.single_shape(prev_layer)
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

    def compute_mask(self, input: Any, mask: Mask) -> Mask:
        """Return the mask with the margins that steps get, or without those that they lose."""
        axis = steps_axis(input.ndim, self.n_axes)
        if mask is None or axis is None:
            return super().compute_mask(input, mask)
        return self.steps(mask, *self.margins[axis])

    @abstractmethod
    def steps(self, mask: NDArray[np.bool_], before: int, after: int) -> NDArray[np.bool_]:
        """Return the mask (N, T) of the output's steps."""


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

    def steps(self, mask: NDArray[np.bool_], before: int, after: int) -> NDArray[np.bool_]:
        """Return the mask with steps that are none around it."""
        return np.pad(mask, ((0, 0), (before, after)))

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
        If nothing would be left: on connecting, or at a size that was not known then.

    Examples
    --------
    >>> Cropping(1).connect((None, 3, 4, 5)).out_shape
    (None, 3, 2, 3)
    """

    def connect_to(self, prev_layer: Any = None) -> None:
        """Take the margins off the shape."""
        shape = self._shape(prev_layer)
        self.out_shape = (*shape[: -self.n_axes], *self._left(shape))

    def _left(self, shape: Shape) -> list[int | None]:
        """Return what is left of the last sizes, or raise."""
        sizes: list[int | None] = []
        for axis, (size, margin) in enumerate(zip(shape[-self.n_axes :], self.margins, strict=True)):
            if size is not None and size <= sum(margin):
                where = len(shape) - self.n_axes + axis
                raise ShapeError(f"{self}: along axis {where}, cutting {margin} leaves nothing of {size}")
            sizes.append(None if size is None else size - sum(margin))
        return sizes

    def steps(self, mask: NDArray[np.bool_], before: int, after: int) -> NDArray[np.bool_]:
        """Return the mask of the steps that are left."""
        return mask[:, before : mask.shape[1] - after]

    def forward(self, input: Any, train: bool = True) -> Array:
        """Return the inner part of the input.

        Raises
        ------
        ShapeError
            If nothing is left of it.
        """
        self._left(input.shape)
        return self._within(input)

    def backward(self, pre_grad: Any) -> Array:
        """Return ``pre_grad`` with zeros around it."""
        return self._around(pre_grad)
