"""JSON without surprises: no duplicate keys, no NaN, no overflow, bounded size and depth."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any

from npdl_core.errors import FileFormatError, SerializationError, printable

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_VALUES", "dumps", "loads", "normalized"]

MAX_BYTES = 16 * 2**20
MAX_DEPTH = 64
MAX_VALUES = 2**19
"""How many commas, colons and opening brackets a text may have: each stands for a value to be made."""
_MAX_DIGITS = 40
# Brackets outside strings, and the end. A string that is never closed counts as one to the end, so that every
# search ends in a match and all of them together are linear.
_BRACKETS = re.compile(r'(?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+(?:"|\\?\Z))*+([\[\]{}]|\Z)', re.DOTALL)


def loads(text: str | bytes, what: str) -> Any:
    """Return the value of a JSON text.

    Parameters
    ----------
    text : str or bytes
        UTF-8 if bytes.
    what : str
        What the text is, for messages.

    Raises
    ------
    FileFormatError
        For anything but plain, finite JSON within :data:`MAX_BYTES`, :data:`MAX_DEPTH` and
        :data:`MAX_VALUES`.

    Examples
    --------
    >>> loads('{"a": [1, null]}', "example")
    {'a': [1, None]}
    """
    if len(text) > MAX_BYTES:
        raise FileFormatError(f"{what}: {len(text):,} bytes of JSON are more than the allowed {MAX_BYTES:,}")
    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
        if sum(map(decoded.count, ",:[{")) > MAX_VALUES:
            raise FileFormatError(f"{what}: JSON of more than the allowed {MAX_VALUES:,} values")
        _check_depth(decoded, what)
        return json.loads(
            decoded,
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_bounded,
        )
    except (ValueError, RecursionError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(f"{what}: not valid JSON ({printable(error, 120)})") from None


def dumps(value: Any) -> str:
    """Return compact JSON text that depends on the value alone.

    Raises
    ------
    SerializationError
        For NaN and infinity, for what JSON has no form for, and for what nests too deep or holds itself.
    """
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise SerializationError(f"not JSON: {printable(error, 120)}") from None


def normalized(value: Any, what: str) -> Any:
    """Return a JSON value in new plain types, after the checks that its text would have to pass.

    Raises
    ------
    FileFormatError
        If it would not.
    """
    try:
        return loads(dumps(value), what)
    except SerializationError as error:
        raise FileFormatError(f"{what}: {error}") from None


def _check_depth(text: str, what: str) -> None:
    """Refuse deep nesting before the parser recurses; brackets inside strings do not count."""
    depth = 0
    for match in _BRACKETS.finditer(text):
        depth += {"[": 1, "{": 1}.get(match.group(1), -1)
        if depth > MAX_DEPTH:
            raise FileFormatError(f"{what}: nested more than {MAX_DEPTH} deep")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = counts.most_common(1)[0][0]
        raise FileFormatError(f"JSON: key {printable(repr(twice), 60)} comes twice in one object")
    return found


def _refuse_constant(name: str) -> Any:
    raise FileFormatError(f"JSON: {name} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise FileFormatError(f"JSON: number {printable(text, 40)} is too large")
    return number


def _bounded(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise FileFormatError(f"JSON: an integer of {len(text)} digits is too large")
    return int(text)
