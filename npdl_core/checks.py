"""Range checks of constructor arguments; each returns the value in its plain Python type."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

from npdl_core.errors import ConfigError, printable

__all__ = ["check_bool", "check_choice", "check_float", "check_int", "check_shape"]


def _refuse(name: str, expected: str, value: object) -> ConfigError:
    return ConfigError(
        f"{name} must be {expected}, got {printable(repr(value), 80)} ({type(value).__name__})"
    )


def _bounds(minimum: float | None, maximum: float | None, *, above: bool = False, below: bool = False) -> str:
    parts = []
    if minimum is not None:
        parts.append(f"{'above' if above else 'at least'} {minimum}")
    if maximum is not None:
        parts.append(f"{'below' if below else 'at most'} {maximum}")
    return " and ".join(parts)


def check_int(name: str, value: Any, minimum: int | None = None, maximum: int | None = None) -> int:
    """Return ``value`` as an int within bounds; booleans, floats and strings are refused.

    Examples
    --------
    >>> check_int("n_out", 3, minimum=1)
    3
    >>> check_int("n_out", True)
    Traceback (most recent call last):
        ...
    npdl_core.errors.ConfigError: n_out must be an integer, got True (bool)
    """
    expected = f"an integer {_bounds(minimum, maximum)}".rstrip()
    if isinstance(value, bool) or type(value).__name__ in ("bool", "bool_"):
        raise _refuse(name, expected, value)
    try:
        number = operator.index(value)
    except TypeError:
        raise _refuse(name, expected, value) from None
    if (minimum is not None and number < minimum) or (maximum is not None and number > maximum):
        raise _refuse(name, expected, value)
    return number


def check_float(
    name: str,
    value: Any,
    minimum: float | None = None,
    maximum: float | None = None,
    *,
    above: bool = False,
    below: bool = False,
    finite: bool = True,
) -> float:
    """Return ``value`` as a float within bounds (``above``/``below`` make them exclusive).

    Examples
    --------
    >>> check_float("p", 0.5, 0, 1, below=True)
    0.5
    >>> check_float("p", "3")
    Traceback (most recent call last):
        ...
    npdl_core.errors.ConfigError: p must be a finite number, got '3' (str)
    """
    bounds = _bounds(minimum, maximum, above=above, below=below)
    expected = f"a {'finite ' if finite else ''}number {bounds}".rstrip()
    plain = (
        not isinstance(value, (bool, str, bytes))
        and hasattr(value, "__float__")
        and getattr(value, "ndim", 0) == 0
    )
    if not plain or type(value).__name__ in ("bool", "bool_"):
        raise _refuse(name, expected, value)
    try:
        number = float(value)
    except OverflowError:
        raise _refuse(name, expected, value) from None
    low = minimum is not None and (number <= minimum if above else number < minimum)
    high = maximum is not None and (number >= maximum if below else number > maximum)
    if math.isnan(number) or (finite and math.isinf(number)) or low or high:
        raise _refuse(name, expected, value)
    return number


def check_bool(name: str, value: Any) -> bool:
    """Return ``value`` if it is a boolean; numbers and strings are refused.

    Examples
    --------
    >>> check_bool("use_bias", False)
    False
    """
    if isinstance(value, bool) or type(value).__name__ in ("bool", "bool_"):
        return bool(value)
    raise _refuse(name, "True or False", value)


def check_choice(name: str, value: Any, choices: Sequence[str]) -> str:
    """Return ``value`` if it is one of ``choices``.

    Examples
    --------
    >>> check_choice("reduction", "mean", ("mean", "sum"))
    'mean'
    """
    if isinstance(value, str) and value in choices:
        return value
    raise _refuse(name, f"one of {', '.join(map(repr, choices))}", value)


def check_shape(name: str, value: Any, *, unknown: bool = False, minimum: int = 1) -> tuple[int | None, ...]:
    """Return ``value`` as a tuple of sizes; ``unknown=True`` allows ``None`` entries.

    Examples
    --------
    >>> check_shape("input_shape", [None, 3], unknown=True)
    (None, 3)
    """
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise _refuse(name, "a sequence of sizes", value)
    return tuple(
        None if unknown and size is None else check_int(f"{name}[{axis}]", size, minimum)
        for axis, size in enumerate(value)
    )
