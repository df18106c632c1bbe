"""The arguments that a component is checked with, as TOML says them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from npdl_core.builtin import KINDS
from npdl_core.errors import ConfigError, printable
from npdl_core.registry.naming import fold

__all__ = ["arguments_for", "read_table"]

Table = Mapping[tuple[str, str], list[dict[str, Any]]]


def read_table(document: Mapping[str, Any]) -> Table:
    """Return the table ``[tool.npdl.check]`` by kind and folded name.

    Sizes of -1 in ``input_shape`` are those that vary. An array of tables makes several checks.

    Raises
    ------
    ConfigError
        If a kind does not exist, or something is no table.

    Examples
    --------
    >>> check = {"layers": {"Dense": {"config": {"n_out": 2}, "input_shape": [-1, 3]}}}
    >>> read_table({"tool": {"npdl": {"check": check}}})
    {('layers', 'dense'): [{'config': {'n_out': 2}, 'input_shape': (None, 3)}]}
    """
    found = document
    for key in ("tool", "npdl", "check"):
        found = _table(found.get(key, {}), f"[{key}]")
    result: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for kind, names in found.items():
        if kind not in KINDS:
            raise ConfigError(
                f"[tool.npdl.check]: {printable(repr(kind), 60)} is no kind; the kinds are {', '.join(KINDS)}"
            )
        for name, given in _table(names, kind).items():
            several = given if isinstance(given, list) else [given]
            result[kind, fold(name)] = [_arguments(one, f"{kind}.{name}") for one in several]
    return result


def arguments_for(table: Table, kind: str, name: str) -> list[dict[str, Any]]:
    """Return the arguments of every check of a component; one without any where the table says nothing."""
    return table.get((kind, fold(name)), [{}])


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(
            f"[tool.npdl.check]: {printable(where, 80)} must be a table, got {type(value).__name__}"
        )
    return value


def _arguments(value: Any, where: str) -> dict[str, Any]:
    arguments = dict(_table(value, where))
    if "input_shape" in arguments:
        shape = arguments["input_shape"]
        several = isinstance(shape, list) and any(isinstance(one, list) for one in shape)
        arguments["input_shape"] = [_shape(one) for one in shape] if several else _shape(shape)
    return arguments


def _shape(sizes: Any) -> tuple[int | None, ...]:
    if not isinstance(sizes, list) or not all(isinstance(size, int) for size in sizes):
        raise ConfigError(
            f"[tool.npdl.check]: an input_shape is a list of sizes, got {printable(repr(sizes), 80)}"
        )
    return tuple(None if size == -1 else size for size in sizes)
