"""What the compiled kernels take: arrays of float32 in C order with the shapes of the reference."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["MIN_NUMBERS", "MIN_WORK", "plain", "worth_it"]

MIN_WORK = 1 << 20
"""Fewer multiplications than this take NumPy about half a millisecond: not worth an import, compilation."""

MIN_NUMBERS = 1 << 14
"""Fewer numbers than this are no work for an optimizer."""

_FLOAT32 = np.dtype(np.float32)


def plain(*pairs: tuple[Any, tuple[int, ...]]) -> bool:
    """Return whether all are float32 arrays in C order of the given shapes, without empty axes.

    Examples
    --------
    >>> plain((np.zeros((2, 3), "float32"), (2, 3))), plain((np.zeros((2, 3)), (2, 3)))
    (True, False)
    """
    return all(
        type(array) is np.ndarray
        and array.dtype == _FLOAT32
        and array.flags.c_contiguous
        and array.shape == shape
        and array.size
        for array, shape in pairs
    )


def worth_it(multiplications: int) -> bool:
    """Return whether a computation is large enough to be compiled for."""
    return multiplications >= MIN_WORK
