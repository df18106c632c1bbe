"""Flat tables, ``name`` and configuration side by side, as components."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from npdl_cli.config.item import Item
from npdl_core import registry
from npdl_core.builtin import KINDS
from npdl_core.component import constructor_arguments
from npdl_core.errors import NpdlError, printable

__all__ = ["component", "components", "is_component"]


def component(kind: str, item: Item) -> Any:
    """Return the component that a name, or a table with ``name`` and its configuration, describes.

    Tables in the configuration that have a ``name`` are components too.

    Raises
    ------
    ConfigFileError
        If it is neither, the name cannot be resolved, or the configuration is refused; the error says which
        entry is to blame.

    Examples
    --------
    >>> component("optimizers", Item({"name": "sgd", "lr": 0.1}, "run.toml", ("compile", "optimizer"))).lr
    0.1
    >>> component("layers", Item({"name": "dropout", "p": 2}, "run.toml", ("layer",)))
    Traceback (most recent call last):
        ...
    npdl_cli.config.item.ConfigFileError: run.toml: layer.p: p must be a finite number at least 0 and ...
    """
    name, config = _parts(item)
    try:
        return registry.get(kind, name, **config)
    except NpdlError as error:
        raise _culprit(kind, item, str(error)).error(error) from error


def components(kind: str, item: Item) -> list[Any]:
    """Return the components of an array, or of a single one."""
    single = isinstance(item.value, str) or is_component(item.value)
    return [component(kind, member) for member in ([item] if single else item.items())]


def is_component(value: Any) -> bool:
    """Return whether a value is a table with a name."""
    return isinstance(value, dict) and isinstance(value.get("name"), str)


def _parts(item: Item) -> tuple[str, dict[str, Any]]:
    """Return the name and the configuration, where nested components are envelopes."""
    if not isinstance(item.value, dict):
        if not isinstance(item.value, str):
            raise item.wrong("a name, or a table with a name")
        return item.string(), {}
    name = item.table(required=["name"])["name"].string()
    return name, {key: _enveloped(value) for key, value in item.value.items() if key != "name"}


def _enveloped(value: Any) -> Any:
    if isinstance(value, list):
        return [_enveloped(member) for member in value]
    if not isinstance(value, dict):
        return value
    inside = {key: _enveloped(member) for key, member in value.items()}
    return {"name": inside.pop("name"), "config": inside} if is_component(value) else inside


# -- which entry is to blame ---------------------------------------------------------------------------------


def _culprit(kind: str, item: Item, message: str) -> Item:
    """Return the entry that a message is about, as closely as can be told."""
    if not isinstance(item.value, dict):
        return item
    try:
        cls = registry.resolve(kind, item.value["name"])
    except NpdlError:
        return item.child("name")
    for inner in _nested(item):
        blamed = _blamed(inner, message)
        if blamed:
            return blamed
    accepted, _, open_ended = constructor_arguments(cls)
    entries = [item.child(key) for key in item.value if key != "name"]
    for entry in entries:
        if not open_ended and entry.keys[-1] not in accepted:
            return entry
    begin = re.match(r"(?:[\w ]+: )?(\w+)(?:\[\d+\])? must be ", message)
    for entry in entries:
        named = isinstance(entry.value, str) and f" {printable(repr(entry.value), 80)}" in message
        if named or (begin and begin[1] == entry.keys[-1]):
            return entry
    return item


def _nested(item: Item) -> Iterator[Item]:
    """Yield the components in a component's configuration, the innermost left to their owners."""
    members = [item.child(key) for key in item.value] if isinstance(item.value, dict) else item.items()
    for member in members:
        if is_component(member.value):
            yield member
        elif isinstance(member.value, (dict, list)):
            yield from _nested(member)


def _blamed(item: Item, message: str) -> Item | None:
    """Return the entry of a nested component that a message is about, if building it alone fails alike."""
    name, config = _parts(item)
    for kind in KINDS:
        try:
            registry.get(kind, name, **config)
        except NpdlError as error:
            if str(error) in message:
                return _culprit(kind, item, message)
    return None
