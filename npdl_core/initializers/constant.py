"""Initializers without randomness."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.initializers.base import Initializer

__all__ = ["One", "Zero"]


class Zero(Initializer):
    """All zeros, the usual start of biases.

    Examples
    --------
    >>> Zero()((2,))
    array([0., 0.], dtype=float32)
    """

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
        """Return zeros of ``shape``."""
        return np.zeros(shape)


class One(Initializer):
    """All ones, the usual start of gains.

    Examples
    --------
    >>> One()((2,))
    array([1., 1.], dtype=float32)
    """

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
        """Return ones of ``shape``."""
        return np.ones(shape)
