"""Example arguments of this package's kernels, for the conformance kit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from npdl_core.optimizers.blocks import BLOCK

__all__ = ["adam_step"]


def adam_step(rng: np.random.Generator, dtype: np.dtype[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield arguments: scalars, odd sizes, more than one block, several dimensions, every option."""
    for shape in ((), (1,), (7,), (BLOCK + 3,), (3, 5), (0, 2)):
        p, g, m = (np.asarray(rng.standard_normal(shape), dtype) for _ in range(3))
        v = np.asarray(rng.uniform(0.1, 2.0, shape), dtype)
        for options in ({}, {"keep": 0.9}, {"gradient_rate": 0.02}, {"keep": 0.9, "gradient_rate": 0.02}):
            yield p.copy(), g, m.copy(), v.copy(), 0.01, 0.9, 0.99, 1e-6, options
