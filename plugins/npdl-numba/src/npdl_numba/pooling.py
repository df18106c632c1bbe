"""The max pooling kernels of npdl-conv, compiled: one pass over memory.

Each has the signature of its reference, whose docstring says what it computes. It declines what is not
float32 in C order, volumes, windows of more than 256 places, and what is too small to be worth it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_numba import coverage
from npdl_numba.convolution import share
from npdl_numba.coverage import plain

__all__ = ["max_pooling_backward", "max_pooling_forward"]

Array = NDArray[Any]
Sizes = tuple[int, ...]

_MOST_PLACES = 256


def max_pooling_forward(xp: Array, kernel: Sizes, stride: Sizes, out: Array, winner: Array | None) -> Any:
    """Pool, or decline."""
    placed = winner is None or (_places(winner, out) and coverage.writeable(winner))
    if not (_covers(xp, kernel, stride, out) and placed and coverage.writeable(out)):
        return NotImplemented
    from npdl_numba.compiled import pooling

    where = np.empty((1,) * out.ndim, np.uint8) if winner is None else winner
    share(pooling.forward, len(xp), *_images(kernel, stride, xp, out, where))
    return out


def max_pooling_backward(dy: Array, winner: Array, kernel: Sizes, stride: Sizes, dxp: Array) -> Any:
    """Send gradients to where the maxima were, or decline."""
    if not (_covers(dxp, kernel, stride, dy) and _places(winner, dy) and coverage.writeable(dxp)):
        return NotImplemented
    from npdl_numba.compiled import pooling

    images, *sizes, maps, where = _images(kernel, stride, dxp, dy, winner)
    share(pooling.backward, len(dxp), maps, where, *sizes, images)
    return dxp


def _covers(x: Array, kernel: Sizes, stride: Sizes, out: Array) -> bool:
    """Return whether images and maps are covered, and all windows lie inside."""
    n_axes = len(kernel)
    if not (x.ndim == out.ndim == n_axes + 2 and n_axes == len(stride) <= 2):
        return False
    alike = (len(x), x.shape[-1]) == (len(out), out.shape[-1])
    geometry = zip(kernel, stride, x.shape[1:-1], out.shape[1:-1], strict=True)
    return (
        alike
        and x.size >= coverage.MIN_NUMBERS
        and plain((x, x.shape), (out, out.shape))
        and math.prod(kernel) <= _MOST_PLACES
        and all((o - 1) * s + k <= size for k, s, size, o in geometry)
    )


def _places(winner: Array, maps: Array) -> bool:
    """Return whether an array can hold the places of maxima."""
    return (
        type(winner) is np.ndarray
        and winner.dtype == np.uint8
        and winner.flags.c_contiguous
        and winner.shape == maps.shape
    )


def _images(
    kernel: Sizes, stride: Sizes, x: Array, maps: Array, winner: Array
) -> tuple[Array, tuple[int, int], tuple[int, int], Array, Array]:
    """Return images, sizes and maps of two spatial axes; a signal is an image one row high."""
    if len(kernel) == 1:
        return x[:, None], (1, int(kernel[0])), (1, int(stride[0])), maps[:, None], winner[:, None]
    (k_h, k_w), (s_h, s_w) = kernel, stride
    return x, (int(k_h), int(k_w)), (int(s_h), int(s_w)), maps, winner
