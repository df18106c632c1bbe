"""Settings from the command line, ``--set key=value``, put into a configuration."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from typing import Any

from npdl_cli.config import gate
from npdl_cli.config.item import ConfigFileError, Item, dotted
from npdl_core.errors import printable

__all__ = ["apply"]

_KEY = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+|\[\d{1,9}\])*")
_WORD = re.compile(r"[A-Za-z_./~\\][^\"'\[\]{}=#,\x00-\x1f\x7f]*")


def apply(document: Item, assignments: Sequence[str]) -> Item:
    """Return a configuration with settings of the form ``key=value`` put in.

    Parameters
    ----------
    document : Item
        The whole configuration; it is not changed.
    assignments : sequence of str
        ``fit.epochs=3``, ``model.layers.0.n_out=64`` or ``model.layers[0].n_out=64``. A value is TOML; a bare
        word is a string. A component that is only named becomes a table when one of its arguments is set.

    Raises
    ------
    ConfigFileError
        If an assignment is not of this form, or there is no such place.

    Examples
    --------
    >>> document = Item({"compile": {"optimizer": "sgd"}}, "run.toml")
    >>> apply(document, ["compile.optimizer.lr=0.1", "compile.loss=mse"]).value
    {'compile': {'optimizer': {'name': 'sgd', 'lr': 0.1}, 'loss': 'mse'}}
    """
    tables = copy.deepcopy(document.value)
    for assignment in assignments:
        shown = f"--set {printable(assignment, 80)}"
        key, equals, text = assignment.partition("=")
        if not equals or not _KEY.fullmatch(key.strip()) or len(key) > 200:
            raise ConfigFileError(f"{shown}: expected key=value, such as fit.epochs=3")
        keys = re.findall(r"[A-Za-z0-9_-]+", key)
        _assign(tables, keys, _value(keys[-1], text.strip(), shown), shown)
    return Item(tables, document.file)


def _value(key: str, text: str, shown: str) -> Any:
    """Return the value of a TOML expression, or the text itself where it is a bare word."""
    if text not in ("true", "false", "inf", "nan") and _WORD.fullmatch(text):
        return text
    try:
        found = gate.loads(f"{key} = {text}", shown).value
    except ConfigFileError as error:
        if isinstance(error.__cause__, ValueError):
            raise ConfigFileError(
                f"{shown}: {printable(repr(text), 80)} is neither a TOML value nor a bare word; text with "
                "other signs needs quotation marks, inside those of the shell"
            ) from error
        raise
    if set(found) != {key}:
        raise ConfigFileError(f"{shown}: expected one value")
    return found[key]


def _assign(tables: dict[str, Any], keys: list[str], value: Any, shown: str) -> None:
    place: Any = tables
    for depth, key in enumerate(keys[:-1]):
        entry = _entry(place, key, f"{shown}: {dotted(keys[:depth])}")
        if isinstance(place, dict):
            place.setdefault(entry, {})
        if isinstance(place[entry], str):
            place[entry] = {"name": place[entry]}
        place = place[entry]
    place[_entry(place, keys[-1], f"{shown}: {dotted(keys[:-1])}")] = value


def _entry(place: Any, key: str, where: str) -> str | int:
    """Return the key of a table's entry, or the index of an array's member."""
    if isinstance(place, dict):
        return key
    if not isinstance(place, list):
        raise ConfigFileError(f"{where} is {Item(place, '').shown()}, which has no entry {key!r}")
    if not key.isdecimal() or int(key) >= len(place):
        raise ConfigFileError(f"{where} is an array of {len(place)}, which has no member {key}")
    return int(key)
