"""The default random numbers and dtype, which layers and models made afterwards take.

They are those of :mod:`npdl_core.utils`, with NumPy's older generator in front, as NumpyDL's programs expect.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from npdl_core.errors import ConfigError, printable
from npdl_core.utils import defaults
from npdl_core.utils.defaults import get_dtype, set_dtype

__all__ = ["get_dtype", "get_rng", "set_dtype", "set_rng", "set_seed"]


def get_rng() -> np.random.RandomState:
    """Return the default generator: each draw from it moves those of layers and models on.

    Examples
    --------
    >>> set_seed(1234)
    >>> get_rng().randint(100), np.random.RandomState(1234).randint(100)
    (47, 47)
    """
    return np.random.RandomState(defaults.get_rng().bit_generator)


def set_rng(new_rng: Any) -> None:
    """Make ``new_rng`` the default: a RandomState, which is copied, a Generator, or the module numpy.random.

    Raises
    ------
    ConfigError
        For anything else.
    """
    if new_rng is np.random:
        new_rng = np.random.Generator(np.random.get_bit_generator())
    elif isinstance(new_rng, np.random.RandomState):
        new_rng = np.random.Generator(_copied(new_rng))
    if not isinstance(new_rng, np.random.Generator):
        raise ConfigError(
            "rng must be a RandomState, a Generator or the module numpy.random, got "
            f"{printable(repr(new_rng), 60)}"
        )
    defaults.set_rng(new_rng)


def _copied(rng: np.random.RandomState) -> np.random.BitGenerator:
    """Return a bit generator in the state of a RandomState."""
    state: Any = rng.get_state(legacy=False)
    made: np.random.BitGenerator = getattr(np.random, state["bit_generator"])()
    made.state = {key: state[key] for key in ("bit_generator", "state")}
    return made


def set_seed(seed: int) -> None:
    """Make the default generator that of ``numpy.random.RandomState(seed)``."""
    set_rng(np.random.RandomState(seed))
