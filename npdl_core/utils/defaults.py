"""Defaults of models that are made afterwards: random numbers and dtype. Running models never look here."""

from __future__ import annotations

from typing import Any

import numpy as np

from npdl_core.checks import check_int
from npdl_core.dtypes import check_dtype
from npdl_core.errors import ConfigError, printable

__all__ = ["default_seed", "get_dtype", "get_rng", "set_dtype", "set_rng", "set_seed"]


class _Defaults:
    rng: np.random.Generator | None = None
    dtype: str = "float32"


def get_rng() -> np.random.Generator:
    """Return the generator that seeds models made without a seed."""
    if _Defaults.rng is None:
        _Defaults.rng = np.random.default_rng()
    return _Defaults.rng


def set_rng(rng: np.random.Generator) -> None:
    """Make ``rng`` the generator that seeds models made afterwards.

    Raises
    ------
    ConfigError
        If it is not a ``numpy.random.Generator``.
    """
    if not isinstance(rng, np.random.Generator):
        raise ConfigError(
            f"rng must be a numpy.random.Generator, got {printable(repr(rng), 60)}; "
            "use numpy.random.default_rng"
        )
    _Defaults.rng = rng


def set_seed(seed: int) -> None:
    """Make models made afterwards reproducible.

    Examples
    --------
    >>> set_seed(1)
    >>> first = default_seed()
    >>> set_seed(1)
    >>> first == default_seed()
    True
    """
    set_rng(np.random.default_rng(check_int("seed", seed, 0)))


def default_seed() -> int:
    """Return the next seed for a model that was given none."""
    return int(get_rng().integers(2**63))


def get_dtype() -> str:
    """Return the dtype of models made without one."""
    return _Defaults.dtype


def set_dtype(dtype: Any) -> None:
    """Make ``dtype`` that of models made afterwards.

    Examples
    --------
    >>> set_dtype("float64"); get_dtype()
    'float64'
    >>> set_dtype("float32")
    """
    _Defaults.dtype = check_dtype(dtype).name
