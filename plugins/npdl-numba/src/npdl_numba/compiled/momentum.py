"""A step with momentum in one pass over memory, to the last bit the reference's: no products are fused."""

from __future__ import annotations

from typing import Any

from npdl_numba.compiled.jit import jit

__all__ = ["nesterov_step", "step"]


@jit(distinct=True, fastmath=False)
def _slices(p: Any, g: Any, v: Any, rate: Any, momentum: Any, keep: Any) -> None:
    """Update slices; a loop from 0 over whole arrays is what vectorises."""
    for i in range(len(p)):
        velocity = momentum * v[i] - rate * g[i]
        v[i] = velocity
        p[i] = keep * p[i] + velocity


@jit(distinct=True, fastmath=False)
def _nesterov_slices(p: Any, g: Any, v: Any, rate: Any, momentum: Any, keep: Any) -> None:
    """Update slices in Nesterov's form."""
    for i in range(len(p)):
        taken = rate * g[i]
        velocity = momentum * v[i] - taken
        v[i] = velocity
        p[i] = keep * p[i] - taken + momentum * velocity


@jit
def step(p: Any, g: Any, v: Any, rate: Any, momentum: Any, keep: Any, first: int, last: int) -> None:
    """Update numbers ``first`` to ``last`` of flat arrays; coefficients are float32, as of the reference."""
    _slices(p[first:last], g[first:last], v[first:last], rate, momentum, keep)


@jit
def nesterov_step(p: Any, g: Any, v: Any, rate: Any, momentum: Any, keep: Any, first: int, last: int) -> None:
    """Do the same in Nesterov's form."""
    _nesterov_slices(p[first:last], g[first:last], v[first:last], rate, momentum, keep)
