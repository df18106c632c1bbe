"""Steps of optimizers, compiled: one pass over memory."""

from __future__ import annotations

from collections.abc import Callable
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
    flat = _flat(p, g, m, v)
    if flat is None:
        return NotImplemented
    from npdl_numba.compiled.adam import step

    return _run(step, flat, rate, beta1, beta2, epsilon, keep, gradient_rate)


def sgd_step(p: NDArray[Any], g: NDArray[Any], rate: float, *, keep: float = 1.0) -> Any:
    """Take a step of gradient descent for float32 in C order, or decline."""
    flat = _flat(p, g)
    if flat is None:
        return NotImplemented
    from npdl_numba.compiled.sgd import step

    return _run(step, flat, rate, keep)


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
    flat = _flat(p, g, velocity)
    if flat is None:
        return NotImplemented
    from npdl_numba.compiled import momentum as compiled

    return _run(compiled.nesterov_step if nesterov else compiled.step, flat, rate, momentum, keep)


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
    flat = _flat(p, g, squares)
    if flat is None:
        return NotImplemented
    from npdl_numba.compiled.squares import adagrad_step as step

    return _run(step, flat, rate, epsilon, keep)


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
    flat = _flat(p, g, squares)
    if flat is None:
        return NotImplemented
    from npdl_numba.compiled.squares import rmsprop_step as step

    return _run(step, flat, rate, rho, epsilon, keep)


def _flat(*arrays: NDArray[Any]) -> list[NDArray[Any]] | None:
    """Return arrays of one shape as vectors, or None where they are not covered."""
    shape = arrays[0].shape
    if arrays[0].size < coverage.MIN_NUMBERS or not coverage.plain(*((array, shape) for array in arrays)):
        return None
    return [array.reshape(-1) for array in arrays]


def _run(step: Callable[..., Any], flat: list[NDArray[Any]], *numbers: float) -> None:
    """Do a step on all threads."""
    constants = map(np.float32, numbers)
    threads.run(step, flat[0].size, *flat, *constants, at_least=PER_THREAD)
