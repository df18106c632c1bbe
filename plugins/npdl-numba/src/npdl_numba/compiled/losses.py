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
    p: Any, t: Any, scale: Any, losses: Any, g: Any, steps: Any, sizes: Any, first: int, last: int
) -> None:
    """Write losses and gradients of rows ``first`` to ``last``.

    Parameters
    ----------
    p, t, g : ndarray
        Outputs, targets and where to write gradients, their numbers as they lie in memory.
    scale : float32
        What gradients are multiplied by.
    losses : ndarray
        Where to write losses.
    steps : tuple
        How far rows of p, t, losses and g lie apart along an outer and an inner axis.
    sizes : tuple of int
        Of the inner axis, and of a row.
    first, last : int
        Which rows, the inner axis counted through first.
    """
    n_inner, k = sizes
    for r in range(first, last):
        outer, inner = r // n_inner, r % n_inner
        at_p = outer * steps[0][0] + inner * steps[0][1]
        at_t = outer * steps[1][0] + inner * steps[1][1]
        at_g = outer * steps[3][0] + inner * steps[3][1]
        error = _row_error(p[at_p : at_p + k], t[at_t : at_t + k], scale, g[at_g : at_g + k])
        losses[outer * steps[2][0] + inner * steps[2][1]] = _f(0.5) * error
