"""From the text of a TOML file to plain values, with bounded time and memory."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from npdl_cli.config.item import ConfigFileError, Item
from npdl_core.errors import printable

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_PARTS", "check_form", "loads", "read"]

MAX_BYTES = 256 * 1024
MAX_PARTS = 16
"""How many parts a dotted key may have; what tomllib needs grows with the square of it."""
MAX_DEPTH = 32
"""How deep arrays and tables may be nested; tomllib recurses into them."""

_LARGEST = 2**63
_TOKENS = re.compile(
    r"""
    (?P<comment>\#[^\n]*)
  | (?P<string>
        \"{3}[^"\\]*+(?:(?:\\.|\"(?!\"\"))[^"\\]*+)*+\"{3,5}
      | '{3}[^']*+(?:'(?!'')[^']*+)*+'{3,5}
      | "(?!"")[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"
      | '(?!'')[^'\n]*+'
    )
  | (?P<bare>[A-Za-z0-9_+\-]+|[ \t]+)
  | (?P<dot>\.)
  | (?P<open>[\[{])
  | (?P<close>[\]}])
  | (?P<other>[\s\S])
    """,
    re.VERBOSE | re.DOTALL,
)


def read(path: Path, name: str) -> Item:
    """Return what a TOML file holds.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        What it is called in messages.

    Raises
    ------
    ConfigFileError
        If it cannot be read, is too large, no UTF-8, no TOML, or not plain.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigFileError(f"{name}: cannot be read: {printable(error.strerror)}") from error
    if len(content) > MAX_BYTES:
        raise ConfigFileError(f"{name}: more than the allowed {MAX_BYTES:,} bytes for a configuration")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigFileError(f"{name}: not UTF-8 text: {printable(error)}") from error
    return loads(text, name)


def loads(text: str, name: str) -> Item:
    r"""Return what a TOML text holds: strings, booleans, integers of 64 bits, finite numbers, arrays, tables.

    Raises
    ------
    ConfigFileError
        If it is no TOML, nested or dotted beyond reason, or holds another value.

    Examples
    --------
    >>> loads("[fit]\nepochs = 3", "run.toml").value
    {'fit': {'epochs': 3}}
    >>> loads("lr = inf", "run.toml")
    Traceback (most recent call last):
        ...
    npdl_cli.config.item.ConfigFileError: run.toml: lr: expected a finite number, got inf
    """
    check_form(text, name)
    try:
        document = Item(tomllib.loads(text), name)
    except ValueError as error:  # tomllib's own, and Python's for integers of thousands of digits
        raise ConfigFileError(f"{name}: not valid TOML: {printable(error)}") from error
    _check_values(document)
    return document


def check_form(text: str, name: str) -> None:
    """Refuse long dotted keys and deep nesting before a parser sees them; strings do not count.

    Raises
    ------
    ConfigFileError
        Naming the line.
    """
    parts = depth = 0
    line = 1
    for token in _TOKENS.finditer(text):
        kind, found = token.lastgroup, token.group()
        if kind == "dot":
            parts += 1
        elif kind not in ("bare", "string"):
            parts = 0
        depth += (kind == "open") - (kind == "close")
        line += found.count("\n")
        if parts >= MAX_PARTS:
            raise ConfigFileError(f"{name}: line {line}: a dotted key of more than {MAX_PARTS} parts")
        if depth > MAX_DEPTH:
            raise ConfigFileError(f"{name}: line {line}: nested more than {MAX_DEPTH} deep")
        if kind == "other" and found in "\"'":
            return  # a string without an end, where the parser stops too


def _check_values(item: Item) -> None:
    """Refuse what no setting is, anywhere below a table or an array."""
    entries = item.value.items() if isinstance(item.value, dict) else enumerate(item.value)
    for key, value in entries:
        if isinstance(value, (dict, list)):
            _check_values(item.child(key))
        elif fault := _fault(value):
            raise item.child(key).error(fault)


def _fault(value: Any) -> str | None:
    if isinstance(value, float) and not abs(value) < float("inf"):
        return f"expected a finite number, got {value}"
    if isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
        return "expected an integer of at most 64 bits, got a larger one"
    if not isinstance(value, (str, int, float)):
        return (
            f"no setting is a {type(value).__name__}, got {printable(value)}; put text into quotation marks"
        )
    return None
