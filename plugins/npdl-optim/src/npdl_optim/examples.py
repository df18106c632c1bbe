"""Example arguments of this package's kernels, for the conformance kit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from npdl_core.optimizers.blocks import BLOCK

__all__ = ["adagrad_step", "adam_step", "rmsprop_step"]

_SHAPES = ((), (1,), (7,), (BLOCK + 3,), (3, 5), (0, 2))


def adam_step(rng: np.random.Generator, dtype: np.dtype[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield arguments: scalars, odd sizes, more than one block, several dimensions, every option."""
    for shape in _SHAPES:
        p, g, m = (np.asarray(rng.standard_normal(shape), dtype) for _ in range(3))
        v = np.asarray(rng.uniform(0.1, 2.0, shape), dtype)
        for options in ({}, {"keep": 0.9}, {"gradient_rate": 0.02}, {"keep": 0.9, "gradient_rate": 0.02}):
            yield p.copy(), g, m.copy(), v.copy(), 0.01, 0.9, 0.99, 1e-6, options


def _with_squares(
    rng: np.random.Generator, dtype: np.dtype[Any], *coefficients: float
) -> Iterator[tuple[Any, ...]]:
    """Yield arguments of the same sizes, with and without decay."""
    for shape in _SHAPES:
        p, g = (np.asarray(rng.standard_normal(shape), dtype) for _ in range(2))
        squares = np.asarray(rng.uniform(0.1, 2.0, shape), dtype)
        for options in ({}, {"keep": 0.9}):
            yield p.copy(), g, squares.copy(), *coefficients, options


def adagrad_step(rng: np.random.Generator, dtype: np.dtype[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield a rate and an epsilon after the arrays."""
    return _with_squares(rng, dtype, 0.1, 1e-6)


def rmsprop_step(rng: np.random.Generator, dtype: np.dtype[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield a rate, a decay and an epsilon after the arrays."""
    return _with_squares(rng, dtype, 0.1, 0.9, 1e-5)
