"""The floating-point types that models compute in."""

from __future__ import annotations

from typing import Any

import numpy as np

from npdl_core.errors import ConfigError, printable

__all__ = ["FLOAT_TYPES", "check_dtype"]

FLOAT_TYPES = ("float32", "float64")


def check_dtype(value: Any) -> np.dtype[Any]:
    """Return ``value`` as one of the two dtypes that npdl computes in, in this machine's byte order.

    Raises
    ------
    ConfigError
        For anything but float32 and float64.

    Examples
    --------
    >>> check_dtype("float64")
    dtype('float64')
    """
    try:
        name = "" if value is None else np.dtype(value).name  # NumPy reads None as float64
    except TypeError:
        name = ""
    if name not in FLOAT_TYPES:
        raise ConfigError(f"dtype must be one of {', '.join(FLOAT_TYPES)}, got {printable(repr(value), 60)}")
    return np.dtype(name)
