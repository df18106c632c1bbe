"""Fully connected layers, compiled: x W + b and its gradients on tiles, shared out among threads.

Where NumPy's BLAS would use threads of its own for a product, they stay awake after it and take a processor
from the next compiled kernel; so these take over from the size on at which it would.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_numba import coverage, threads

__all__ = ["affine_backward", "affine_forward"]

Array = NDArray[Any]

PER_THREAD = 1 << 18
"""Multiplications for which a thread pays."""


def affine_forward(rows: Array, W: Array, b: Array | None, out: Array, *, rectify: bool = False) -> Any:
    """Write rows W + b into ``out``, rectified or not, or decline."""
    if not (_covers(rows, W, out) and (b is None or coverage.plain((b, W.shape[1:])))):
        return NotImplemented
    from npdl_numba.compiled import affine

    unused = (_NO_ROWS, False, _NO_ROWS)
    _run(affine.work, rows.shape[0] * W.size, True, rows, W, *_given(b), out, rectify, _NO_ROWS, *unused)
    return out


def affine_backward(
    delta: Array,
    rows: Array,
    W: Array,
    dW: Array,
    db: Array | None,
    out: Array | None,
    *,
    rectified: Array | None = None,
    scratch: Array | None = None,
) -> Any:
    """Write the gradients into ``dW``, ``db`` and ``out``, or decline."""
    covered = (
        _covers(rows, W, delta)
        and coverage.rows_apart((dW, W.shape))
        and (db is None or coverage.plain((db, W.shape[1:])))
        and (out is None or coverage.rows_apart((out, rows.shape)))
        and (rectified is None or coverage.rows_apart((rectified, delta.shape)))
    )
    if not covered:
        return NotImplemented
    from npdl_numba.compiled import affine

    work = rows.shape[0] * W.size * (1 if out is None else 2)
    results = (*_given(rectified, _NO_ROWS), dW, *_given(out, _NO_ROWS))
    _run(affine.work, work, False, rows, W, *_given(db), delta, *results)
    return out


_NOTHING = np.empty(0, np.float32)
_NO_ROWS = np.empty((0, 0), np.float32)


def _given(array: Array | None, otherwise: Array = _NOTHING) -> tuple[bool, Array]:
    """Return whether there is an array, and one in any case."""
    return (False, otherwise) if array is None else (True, array)


def _covers(rows: Array, W: Array, out: Array) -> bool:
    """Return whether rows (M, D), W (D, H) and out (M, H) are covered."""
    if not (getattr(rows, "ndim", 0) == getattr(W, "ndim", 0) == 2):
        return False
    (n_rows, n_in), n_out = rows.shape, W.shape[1]
    return (
        n_rows >= coverage.MIN_ROWS
        and n_rows * n_in * n_out > coverage.MIN_PRODUCT
        and out.flags.writeable
        and coverage.rows_apart((rows, rows.shape), (W, (n_in, n_out)), (out, (n_rows, n_out)))
    )


def _run(function: Any, work: int, *arguments: Any) -> None:
    """Do as many parts as there are threads to use."""
    n_parts = max(1, min(threads.limit(), work // PER_THREAD))
    threads.run(function, n_parts, *arguments, n_parts)
