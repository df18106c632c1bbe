"""Outputs and targets to feed objectives and metrics with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.activations.softmax import softmax
from npdl_core.errors import ConfigError, printable

__all__ = ["DOMAINS", "Draw", "domain"]

Draw = Callable[[np.random.Generator, tuple[int, ...]], NDArray[Any]]


def _probabilities(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
    return softmax(rng.normal(0, 1, shape))


def _unit(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
    return rng.uniform(0.05, 0.95, shape)


def _real(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
    return rng.normal(0, 1.5, shape)


def _positive(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
    return rng.uniform(0.2, 2.0, shape)


def _binary(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
    return rng.integers(0, 2, shape).astype(np.float64)


def _signs(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
    return rng.choice([-1.0, 1.0], shape)


def _ids(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
    return rng.integers(0, shape[-1], shape[:-1])


def _one_hot(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
    rows: NDArray[Any] = np.eye(shape[-1])[_ids(rng, shape)]
    return rows


DOMAINS: dict[str, Draw] = {
    "probabilities": _probabilities,
    "unit": _unit,
    "real": _real,
    "positive": _positive,
    "binary": _binary,
    "signs": _signs,
    "one_hot": _one_hot,
    "ids": _ids,
}
"""Rows that sum to 1; numbers from 0 to 1; any; positive; 0 or 1; -1 or 1; rows with one 1; ids (...)."""


def domain(value: str | Draw) -> Draw:
    """Return the function that draws from a domain, given by name or as such a function.

    Raises
    ------
    ConfigError
        If there is no domain of this name.
    """
    if callable(value):
        return value
    if value not in DOMAINS:
        raise ConfigError(f"no domain {printable(repr(value), 60)}; there are {', '.join(DOMAINS)}")
    return DOMAINS[value]
