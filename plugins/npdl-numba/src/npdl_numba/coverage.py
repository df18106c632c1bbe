"""What the compiled kernels take: arrays of float32 with the shapes of the reference, mostly in C order."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["MIN_NUMBERS", "MIN_PRODUCT", "MIN_ROWS", "MIN_WORK", "plain", "rows_apart", "worth_it"]

MIN_WORK = 1 << 20
"""Fewer multiplications than this take NumPy about half a millisecond: not worth an import, compilation."""

MIN_NUMBERS = 1 << 14
"""Fewer numbers than this are no work for an optimizer."""

MIN_PRODUCT = 1 << 18
"""Up to so many multiplications OpenBLAS computes a product on the thread that asks for it."""

MIN_ROWS = 16
"""Fewer rows than this are bound by reading the weights."""

_FLOAT32 = np.dtype(np.float32)


def plain(*pairs: tuple[Any, tuple[int, ...]]) -> bool:
    """Return whether all are aligned float32 arrays in C order of the given shapes, without empty axes.

    Examples
    --------
    >>> plain((np.zeros((2, 3), "float32"), (2, 3))), plain((np.zeros((2, 3)), (2, 3)))
    (True, False)
    """
    return all(
        type(array) is np.ndarray
        and array.dtype == _FLOAT32
        and array.flags.c_contiguous
        and array.flags.aligned
        and array.shape == shape
        and array.size
        for array, shape in pairs
    )


def writeable(*arrays: Any) -> bool:
    """Return whether all arrays that are given may be written to, which addresses do not tell.

    Examples
    --------
    >>> writeable(np.zeros(3), None), writeable(np.broadcast_to(np.zeros(1), 3))
    (True, False)
    """
    return all(array is None or array.flags.writeable for array in arrays)


def rows_apart(*pairs: tuple[Any, tuple[int, ...]]) -> bool:
    """Return whether all are float32 matrices of the given shapes whose rows have no gaps within them.

    Examples
    --------
    >>> wide = np.zeros((4, 6), "float32")
    >>> rows_apart((wide[:, :2], (4, 2))), rows_apart((wide.T, (6, 4))), rows_apart((wide[:, ::2], (4, 3)))
    (True, False, False)
    """
    return all(
        type(array) is np.ndarray
        and array.dtype == _FLOAT32
        and array.shape == shape
        and array.size
        and array.flags.aligned
        and (array.flags.c_contiguous or (array.strides[1] == 4 and array.strides[0] > 4 * shape[1]))
        for array, shape in pairs
    )


def worth_it(multiplications: int) -> bool:
    """Return whether a computation is large enough to be compiled for."""
    return multiplications >= MIN_WORK
