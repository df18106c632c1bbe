"""Steps of optimizers, compiled: one pass over memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_numba import coverage, threads

__all__ = ["adagrad_step", "adam_step", "momentum_step", "rmsprop_step", "sgd_step"]

PER_THREAD = 1 << 15
"""Numbers for which a thread pays."""


def adam_step(
    p: NDArray[Any],
    g: NDArray[Any],
    m: NDArray[Any],
    v: NDArray[Any],
    rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
    *,
    keep: float = 1.0,
    gradient_rate: float = 0.0,
) -> Any:
    """Update moments and parameters of float32 in C order, or decline."""
    if p.size < coverage.MIN_NUMBERS or not coverage.plain(*((array, p.shape) for array in (p, g, m, v))):
        return NotImplemented
    from npdl_numba.compiled import adam

    flat = [array.reshape(-1) for array in (p, g, m, v)]
    numbers = [np.float32(c) for c in (rate, beta1, beta2, epsilon, keep, gradient_rate)]
    threads.run(adam.step, p.size, *flat, *numbers, at_least=PER_THREAD)
    return None


def sgd_step(p: NDArray[Any], g: NDArray[Any], rate: float, *, keep: float = 1.0) -> Any:
    """Take a step of gradient descent for float32 in C order, or decline."""
    if p.size < coverage.MIN_NUMBERS or not coverage.plain((p, p.shape), (g, p.shape)):
        return NotImplemented
    from npdl_numba.compiled import sgd

    numbers = np.float32(rate), np.float32(keep)
    threads.run(sgd.step, p.size, p.reshape(-1), g.reshape(-1), *numbers, at_least=PER_THREAD)
    return None


def momentum_step(
    p: NDArray[Any],
    g: NDArray[Any],
    velocity: NDArray[Any],
    rate: float,
    momentum: float,
    *,
    nesterov: bool = False,
    keep: float = 1.0,
) -> Any:
    """Update velocity and parameters of float32 in C order, or decline."""
    arrays = p, g, velocity
    if p.size < coverage.MIN_NUMBERS or not coverage.plain(*((array, p.shape) for array in arrays)):
        return NotImplemented
    from npdl_numba.compiled.momentum import nesterov_step, step

    flat = [array.reshape(-1) for array in arrays]
    numbers = [np.float32(c) for c in (rate, momentum, keep)]
    threads.run(nesterov_step if nesterov else step, p.size, *flat, *numbers, at_least=PER_THREAD)
    return None


def adagrad_step(
    p: NDArray[Any],
    g: NDArray[Any],
    squares: NDArray[Any],
    rate: float,
    epsilon: float,
    *,
    keep: float = 1.0,
) -> Any:
    """Update squares and parameters of float32 in C order, or decline."""
    arrays = p, g, squares
    if p.size < coverage.MIN_NUMBERS or not coverage.plain(*((array, p.shape) for array in arrays)):
        return NotImplemented
    from npdl_numba.compiled import squares as compiled

    flat = [array.reshape(-1) for array in arrays]
    numbers = [np.float32(c) for c in (rate, epsilon, keep)]
    threads.run(compiled.adagrad_step, p.size, *flat, *numbers, at_least=PER_THREAD)
    return None


def rmsprop_step(
    p: NDArray[Any],
    g: NDArray[Any],
    squares: NDArray[Any],
    rate: float,
    rho: float,
    epsilon: float,
    *,
    keep: float = 1.0,
) -> Any:
    """Update squares and parameters of float32 in C order, or decline."""
    arrays = p, g, squares
    if p.size < coverage.MIN_NUMBERS or not coverage.plain(*((array, p.shape) for array in arrays)):
        return NotImplemented
    from npdl_numba.compiled import squares as compiled

    flat = [array.reshape(-1) for array in arrays]
    numbers = [np.float32(c) for c in (rate, rho, epsilon, keep)]
    threads.run(compiled.rmsprop_step, p.size, *flat, *numbers, at_least=PER_THREAD)
    return None
