"""A value of a configuration together with where it stands, so that every error says so."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from npdl_core.errors import ConfigError, printable
from npdl_core.registry.naming import closest

__all__ = ["ConfigFileError", "Item", "dotted"]

_BARE = re.compile(r"[A-Za-z0-9_-]+")


class ConfigFileError(ConfigError):
    """An experiment that cannot be used as it is written."""


def dotted(keys: Iterable[str | int]) -> str:
    """Return keys as they are written in messages.

    Examples
    --------
    >>> dotted(["model", "layers", 1, "n_out"])
    'model.layers[1].n_out'
    """
    text = ""
    for key in keys:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            shown = key if _BARE.fullmatch(key) and len(key) < 60 else printable(repr(key), 60)
            text += f".{shown}" if text else shown
    return text


@dataclass(frozen=True)
class Item:
    """A value in a configuration file.

    Parameters
    ----------
    value : object
        Of plain type.
    file : str
        How to call the file in messages.
    keys : tuple of str and int
        The way to the value.

    Examples
    --------
    >>> fit = Item({"fit": {"epoch": 3}}, "run.toml").child("fit")
    >>> fit.table("epochs", "shuffle")
    Traceback (most recent call last):
        ...
    npdl_cli.config.item.ConfigFileError: run.toml: fit.epoch: unknown key; fit takes epochs, shuffle; ...
    """

    value: Any
    file: str
    keys: tuple[str | int, ...] = ()

    def __str__(self) -> str:
        """Return the way to the value."""
        return dotted(self.keys)

    def error(self, text: object) -> ConfigFileError:
        """Return an error that says where."""
        return ConfigFileError(": ".join([self.file, *([str(self)] if self.keys else []), str(text)]))

    def wrong(self, expected: str) -> ConfigFileError:
        """Return the error for a value of another form."""
        return self.error(f"expected {expected}, got {self.shown()}")

    def shown(self) -> str:
        """Return the value and its type in words."""
        kind = {dict: "a table", list: "an array", str: "a string", bool: "a boolean"}.get(type(self.value))
        return f"{printable(repr(self.value), 80)} ({kind or 'a number'})"

    def child(self, key: str | int) -> Item:
        """Return an entry of a table or an array."""
        return Item(self.value[key], self.file, (*self.keys, key))

    def missing(self, key: str) -> ConfigFileError:
        """Return the error for an entry that has to be there."""
        return Item(None, self.file, (*self.keys, key)).error("missing")

    def table(self, *allowed: str, required: Iterable[str] = ()) -> dict[str, Item]:
        """Return the entries of a table; with names, there may be no others.

        Raises
        ------
        ConfigFileError
            If it is no table, or an entry is unknown or missing.
        """
        if not isinstance(self.value, dict):
            raise self.wrong("a table")
        for key in self.value if allowed else ():
            if key not in allowed:
                near = closest(key, allowed, 1)
                hint = f"; did you mean {near[0]}?" if near else ""
                owner = f"{self} takes" if self.keys else "the tables are"
                raise self.child(key).error(f"unknown key; {owner} {', '.join(allowed)}{hint}")
        for key in required:
            if key not in self.value:
                raise self.missing(key)
        return {key: self.child(key) for key in self.value}

    def items(self) -> list[Item]:
        """Return the members of an array.

        Raises
        ------
        ConfigFileError
            If it is none.
        """
        if not isinstance(self.value, list):
            raise self.wrong("an array")
        return [self.child(index) for index in range(len(self.value))]

    def string(self) -> str:
        """Return a string that is not empty.

        Raises
        ------
        ConfigFileError
            If it is something else.
        """
        if not isinstance(self.value, str) or not self.value:
            raise self.wrong("a string")
        return self.value

    def checked(self, check: Callable[..., Any], *bounds: Any, **options: Any) -> Any:
        """Return the value after one of :mod:`npdl_core.checks`.

        Raises
        ------
        ConfigFileError
            With that check's message.
        """
        try:
            return check(str(self.keys[-1]), self.value, *bounds, **options)
        except ConfigError as error:
            raise self.error(error) from error
