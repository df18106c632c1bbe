"""Making images larger without parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_conv.geometry import Mask, spread, steps_axis
from npdl_core.checks import check_choice, check_int
from npdl_core.errors import ShapeError
from npdl_core.layers.base import Layer

__all__ = ["Upsampling"]

Array = NDArray[Any]


class Upsampling(Layer):
    r"""Enlarge the last axes by whole factors.

    Parameters
    ----------
    factor : int or sequence of int
        For all axes, or for each.
    mode : str
        ``"nearest"`` repeats entries; ``"bilinear"`` interpolates linearly along every axis, pixel centres at
        :math:`(o + \tfrac12) / f - \tfrac12` and clamped at the borders, as PyTorch with
        ``align_corners=False``.
    n_axes : int
        How many of the last axes grow.

    Notes
    -----
    Input (N, C, H, W), output (N, C, f·H, f·W).

    Examples
    --------
    >>> import numpy as np
    >>> Upsampling(2).connect((None, 1, 1, 2)).forward(np.array([[[[1.0, 2.0]]]]))
    array([[[[1., 1., 2., 2.],
             [1., 1., 2., 2.]]]])
    """

    def __init__(self, factor: Any = 2, mode: str = "nearest", n_axes: int = 2) -> None:
        self.n_axes = check_int("n_axes", n_axes, 1, 3)
        self.factor = spread("factor", factor, self.n_axes)
        self.mode = check_choice("mode", mode, ("nearest", "bilinear"))

    def connect_to(self, prev_layer: Any = None) -> None:
        """Enlarge the shape.

        Raises
        ------
        ShapeError
            If the input has too few axes.
        """
        shape = self.single_shape(prev_layer)
        if len(shape) <= self.n_axes:
            raise ShapeError(f"{self}: {self.n_axes} axes behind the batch are needed, got shape {shape}")
        sizes = zip(shape[-self.n_axes :], self.factor, strict=True)
        self.out_shape = (*shape[: -self.n_axes], *(None if s is None else s * f for s, f in sizes))

    def compute_mask(self, input: Any, mask: Mask) -> Mask:
        """Return the mask with every step repeated, where steps are among the axes that grow."""
        axis = steps_axis(input.ndim, self.n_axes)
        if mask is None or axis is None:
            return super().compute_mask(input, mask)
        return np.repeat(mask, self.factor[axis], axis=1)

    def _matrix(self, size: int, factor: int, dtype: Any) -> Array:
        """Return the weights (f·S, S) of interpolation along one axis."""
        out = np.arange(size * factor)
        if self.mode == "nearest":
            return np.eye(size, dtype=dtype)[out // factor]
        place = np.clip((out + 0.5) / factor - 0.5, 0, size - 1)
        low = np.floor(place).astype(int)
        high = np.minimum(low + 1, size - 1)
        weights = np.zeros((len(out), size), dtype)
        weights[out, low] += 1 - (place - low)
        weights[out, high] += place - low
        return weights

    def _along_axes(self, array: Array, sizes: tuple[int, ...], *, transpose: bool) -> Array:
        for axis, (size, factor) in enumerate(zip(sizes, self.factor, strict=True)):
            matrix = self._matrix(size, factor, array.dtype)
            where = array.ndim - self.n_axes + axis
            moved = np.moveaxis(array, where, -1) @ (matrix if transpose else matrix.T)
            array = np.moveaxis(moved, -1, where)
        return np.ascontiguousarray(array)

    def forward(self, input: Any, train: bool = True) -> Array:
        """Return the enlarged input."""
        if train:
            self.retain(input.shape)
        return self._along_axes(input, input.shape[-self.n_axes :], transpose=False)

    def backward(self, pre_grad: Any) -> Array:
        """Return the transposed interpolation of ``pre_grad``."""
        (shape,) = self.retained()
        return self._along_axes(pre_grad, shape[-self.n_axes :], transpose=True)
