"""A step of Adam's family in one pass over memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from npdl_numba.compiled.jit import jit

__all__ = ["step"]


@jit(distinct=True)
def _slices(
    p: Any, g: Any, m: Any, v: Any, rate: Any, beta1: Any, beta2: Any, epsilon: Any, keep: Any, ahead: Any
) -> None:
    """Update slices; a loop from 0 over whole arrays is what vectorises."""
    for i in range(len(p)):
        moment = beta1 * m[i] + g[i]
        square = beta2 * v[i] + g[i] * g[i]
        m[i] = moment
        v[i] = square
        p[i] = keep * p[i] - (rate * moment + ahead * g[i]) / (np.sqrt(square) + epsilon)


@jit
def step(
    p: Any,
    g: Any,
    m: Any,
    v: Any,
    rate: Any,
    beta1: Any,
    beta2: Any,
    epsilon: Any,
    keep: Any,
    ahead: Any,
    first: int,
    last: int,
) -> None:
    """Update numbers ``first`` to ``last`` of flat arrays; coefficients are float32, as of the reference."""
    _slices(
        p[first:last], g[first:last], m[first:last], v[first:last], rate, beta1, beta2, epsilon, keep, ahead
    )
