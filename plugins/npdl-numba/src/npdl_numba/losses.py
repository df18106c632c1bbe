"""Losses and their gradients, compiled: one pass over memory, rows shared out among threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_numba import coverage, threads

__all__ = ["squared_error"]

Array = NDArray[Any]

PER_THREAD = 1 << 15
"""Numbers for which a thread pays."""


def squared_error(outputs: Array, targets: Array, scale: float, losses: Array, grads: Array) -> Any:
    """Write losses and gradients of float32 in C order, or decline."""
    if not (_covers(outputs, losses, grads) and coverage.plain((targets, outputs.shape))):
        return NotImplemented
    from npdl_numba.compiled import losses as compiled

    return _run(compiled.squared_error, outputs, targets, np.float32(scale), losses, grads)


def _covers(outputs: Array, losses: Array, grads: Array) -> bool:
    """Return whether outputs (M, K), losses (M,) and gradients (M, K) are covered."""
    shape = outputs.shape
    return outputs.size >= coverage.MIN_NUMBERS and coverage.plain(
        (outputs, shape), (losses, shape[:1]), (grads, shape)
    )


def _run(function: Callable[..., Any], rows: Array, *arguments: Any) -> None:
    """Do all rows (M, K), on all threads."""
    n_rows, n_columns = rows.shape
    threads.run(function, n_rows, rows, *arguments, at_least=max(1, PER_THREAD // n_columns))
