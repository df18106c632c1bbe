"""Example arguments of this package's kernels, for the conformance kit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from npdl_core.optimizers.blocks import BLOCK

__all__ = ["adam_step", "momentum_step"]

_SHAPES = ((), (1,), (7,), (BLOCK + 3,), (3, 5), (0, 2))


def adam_step(rng: np.random.Generator, dtype: np.dtype[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield arguments: scalars, odd sizes, more than one block, several dimensions, every option."""
    for shape in _SHAPES:
        p, g, m = (np.asarray(rng.standard_normal(shape), dtype) for _ in range(3))
        v = np.asarray(rng.uniform(0.1, 2.0, shape), dtype)
        for options in ({}, {"keep": 0.9}, {"gradient_rate": 0.02}, {"keep": 0.9, "gradient_rate": 0.02}):
            yield p.copy(), g, m.copy(), v.copy(), 0.01, 0.9, 0.99, 1e-6, options


def momentum_step(rng: np.random.Generator, dtype: np.dtype[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield arguments of the same sizes, with every option."""
    for shape in _SHAPES:
        p, g, velocity = (np.asarray(rng.standard_normal(shape), dtype) for _ in range(3))
        for options in ({}, {"keep": 0.9}, {"nesterov": True}, {"nesterov": True, "keep": 0.9}):
            yield p.copy(), g, velocity.copy(), 0.1, 0.7, options
