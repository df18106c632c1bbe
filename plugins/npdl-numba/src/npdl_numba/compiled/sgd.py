"""A step of gradient descent in one pass over memory."""

from __future__ import annotations

from typing import Any

from npdl_numba.compiled.jit import jit

__all__ = ["step"]


@jit(distinct=True)
def _slices(p: Any, g: Any, rate: Any, keep: Any) -> None:
    """Update slices; a loop from 0 over whole arrays is what vectorises."""
    for i in range(len(p)):
        p[i] = keep * p[i] - rate * g[i]


@jit
def step(p: Any, g: Any, rate: Any, keep: Any, first: int, last: int) -> None:
    """Update numbers ``first`` to ``last`` of flat arrays; coefficients are float32, as of the reference."""
    _slices(p[first:last], g[first:last], rate, keep)
