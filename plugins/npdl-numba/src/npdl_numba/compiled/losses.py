"""Losses of rows and their gradients in one pass; a row is summed by one thread, in an order of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from npdl_numba.compiled.exponential import SUMS
from npdl_numba.compiled.jit import jit

__all__ = ["squared_error"]

_f = np.float32


@jit(distinct=True, fastmath=SUMS)
def _row_error(p: Any, t: Any, scale: Any, grad: Any) -> Any:
    """Return the sum of squares of a row's differences, and write these times ``scale``."""
    total = _f(0.0)
    for j in range(len(p)):
        difference = p[j] - t[j]
        total += difference * difference
        grad[j] = difference * scale
    return total


@jit
def squared_error(
    outputs: Any, targets: Any, scale: Any, losses: Any, grads: Any, first: int, last: int
) -> None:
    """Write losses and gradients of rows ``first`` to ``last``."""
    for r in range(first, last):
        losses[r] = _f(0.5) * _row_error(outputs[r], targets[r], scale, grads[r])
