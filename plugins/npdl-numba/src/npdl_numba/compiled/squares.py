"""Steps divided by roots of squares in one pass over memory; nothing is fused: bits are the references'."""

from __future__ import annotations

from typing import Any

import numpy as np

from npdl_numba.compiled.jit import jit

__all__ = ["adagrad_step", "rmsprop_step"]


@jit(distinct=True, fastmath=False)
def _adagrad_slices(p: Any, g: Any, c: Any, rate: Any, epsilon: Any, keep: Any) -> None:
    """Update slices; a loop from 0 over whole arrays is what vectorises."""
    for i in range(len(p)):
        square = c[i] + g[i] * g[i]
        c[i] = square
        p[i] = keep * p[i] - rate * g[i] / (np.sqrt(square) + epsilon)


@jit
def adagrad_step(p: Any, g: Any, c: Any, rate: Any, epsilon: Any, keep: Any, first: int, last: int) -> None:
    """Update numbers ``first`` to ``last`` of flat arrays; coefficients are float32, as of the reference."""
    _adagrad_slices(p[first:last], g[first:last], c[first:last], rate, epsilon, keep)


@jit(distinct=True, fastmath=False)
def _rmsprop_slices(p: Any, g: Any, c: Any, rate: Any, rho: Any, epsilon: Any, keep: Any) -> None:
    """Update slices, with epsilon under the root."""
    for i in range(len(p)):
        square = rho * c[i] + g[i] * g[i]
        c[i] = square
        p[i] = keep * p[i] - rate * g[i] / np.sqrt(square + epsilon)


@jit
def rmsprop_step(
    p: Any, g: Any, c: Any, rate: Any, rho: Any, epsilon: Any, keep: Any, first: int, last: int
) -> None:
    """Do the same by RMSprop's rule."""
    _rmsprop_slices(p[first:last], g[first:last], c[first:last], rate, rho, epsilon, keep)
