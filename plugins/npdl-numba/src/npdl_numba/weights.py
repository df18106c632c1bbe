"""Gradients of the weights of recurrent layers, compiled: those of both weights from one reading."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_numba import coverage, threads

__all__ = ["recurrent_affine_backward"]

Array = NDArray[Any]

PER_THREAD = 1 << 18
"""Multiplications for which a thread pays."""


def recurrent_affine_backward(
    delta: Array,
    rows: Array,
    states: Array,
    W: Array,
    dW: Array,
    dU: Array,
    db: Array,
    out: Array | None,
) -> Any:
    """Write the gradients into ``dW``, ``dU``, ``db`` and ``out``, or decline."""
    if not _covers(delta, rows, states, W, dW, dU, db, out):
        return NotImplemented
    from npdl_numba.compiled import weights

    passed = out is not None
    work = delta.size * (rows.shape[1] * (2 if passed else 1) + states.shape[1])
    n_parts = max(1, min(threads.limit(), work // PER_THREAD))
    arrays = (delta, rows, states, W, dW, dU, db, passed, _NO_ROWS if out is None else out)
    threads.run(weights.work, n_parts, *arrays, n_parts)
    return None


_NO_ROWS = np.empty((0, 0), np.float32)


def _covers(
    delta: Array, rows: Array, states: Array, W: Array, dW: Array, dU: Array, db: Array, out: Array | None
) -> bool:
    """Return whether delta (M, F), rows (M, D), states (M, H) and what goes with them are covered."""
    if not (getattr(delta, "ndim", 0) == getattr(rows, "ndim", 0) == getattr(states, "ndim", 0) == 2):
        return False
    (n_rows, width), n_in, n_hidden = delta.shape, rows.shape[1], states.shape[1]
    return (
        n_rows >= coverage.MIN_ROWS
        and n_rows * width * (n_in + n_hidden) > coverage.MIN_PRODUCT
        and coverage.plain((delta, (n_rows, width)), (rows, (n_rows, n_in)), (states, (n_rows, n_hidden)))
        and coverage.plain((W, (n_in, width)), (dW, W.shape), (dU, (n_hidden, width)), (db, (width,)))
        and (out is None or coverage.plain((out, rows.shape)))
        and coverage.writeable(dW, dU, db, out)
    )
