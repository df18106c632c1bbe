"""What ``update`` may be called with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from npdl_core.errors import DataError, ShapeError, printable
from npdl_core.optimizers.slots import Arrays

__all__ = ["check_update"]

_PARAMETER_TYPES = "fd"  # NumPy's characters for float32 and float64


def check_update(owner: Any, params: Arrays, grads: Arrays, decay: Sequence[bool] | None) -> Sequence[bool]:
    """Return the decay flags, all of them True by default, after checking all arguments.

    Raises
    ------
    ShapeError
        If there are not as many gradients and flags as parameters, or shapes differ.
    DataError
        If something is no array of floats, or a parameter cannot be written to.
    """
    if len(params) != len(grads):
        raise ShapeError(f"{owner}: {len(params)} parameters but {len(grads)} gradients")
    if decay is not None and len(decay) != len(params):
        raise ShapeError(f"{owner}: {len(params)} parameters but {len(decay)} decay flags")
    for index, (p, g) in enumerate(zip(params, grads, strict=True)):
        if not isinstance(p, np.ndarray) or p.dtype.char not in _PARAMETER_TYPES:
            raise _wrong_array(f"{owner}: parameter {index} must be a NumPy array of float32 or float64", p)
        if not isinstance(g, np.ndarray) or g.dtype.kind != "f":
            raise _wrong_array(f"{owner}: gradient {index} must be a NumPy array of floats", g)
        if p.shape != g.shape:
            raise ShapeError(f"{owner}: parameter {index} has shape {p.shape}, its gradient {g.shape}")
        if not p.flags.writeable:
            raise DataError(f"{owner}: parameter {index} is read-only; an update changes it in place")
    return [True] * len(params) if decay is None else decay


def _wrong_array(expected: str, came: object) -> DataError:
    return DataError(f"{expected}, got {printable(getattr(came, 'dtype', type(came).__name__), 60)}")
