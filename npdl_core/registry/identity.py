"""From a class back to its name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from npdl_core.builtin import KINDS
from npdl_core.errors import PluginError, UnknownNameError
from npdl_core.registry.discovery import Entry
from npdl_core.registry.naming import CORE, fold, singular, snake_case

if TYPE_CHECKING:
    from npdl_core.registry.table import Registry

__all__ = ["canonical_name", "identify"]


def identify(registry: Registry, component: Any, kind: str | None = None) -> Entry:
    """Return the canonical entry of a class or of an instance's class.

    Raises
    ------
    UnknownNameError
        If the class is not registered.
    """
    from npdl_core.registry.table import check_kind

    owner = component if hasattr(component, "__qualname__") else type(component)
    declared = getattr(owner, "kind", None)
    kinds = (check_kind(kind),) if kind is not None else (declared,) if declared in KINDS else KINDS
    for one in kinds:
        entry = _of_kind(registry, owner, one)
        if entry:
            return entry
    what = singular(kinds[0]) if len(kinds) == 1 else "component"
    raise UnknownNameError(
        f"{_text(owner)} is not a registered {what}, so it has no name to be saved or loaded by; call "
        f"npdl_core.registry.register({kinds[0]!r}, {snake_case(owner.__name__)!r}, {owner.__name__}), or "
        f"declare an entry point in the group npdl.v1.{kinds[0]}"
    )


def canonical_name(registry: Registry, kind: str, spec: Any) -> str:
    """Return the bare canonical name of a component, or its class name in snake case if it has none."""
    from npdl_core.registry.construction import read_envelope

    if isinstance(spec, Mapping):
        spec, _ = read_envelope(kind, spec)
    if isinstance(spec, str):
        entry = registry.find(kind, spec)
        if entry.distribution == CORE:
            attribute = entry.text.rpartition(":")[2]
            return _preferred(attribute, _core(kind, attribute)).name
        spec = registry.load(entry)
    try:
        return identify(registry, spec, kind).name
    except UnknownNameError:
        return snake_case(getattr(spec, "__name__", type(spec).__name__))


def _of_kind(registry: Registry, owner: Any, kind: str) -> Entry | None:
    """Return the canonical entry in one kind: core's, a distribution's, or one made in this process."""
    package = str(owner.__module__).partition(".")[0]
    core = _same(registry, owner, _core(kind, owner.__qualname__)) if package == "npdl_core" else []
    if core:
        return _preferred(owner.__name__, core)
    registry.hooks.announce()
    installed = registry.entries(kind)
    found = _same(registry, owner, (entry for entry in installed if entry.text == _text(owner)))
    if not found:
        # A re-export: only the class's own package may be imported to find it.
        near = [entry for entry in installed if entry.text.partition(":")[0].partition(".")[0] == package]
        found = _same(registry, owner, near)
    if not found:
        found = _same(registry, owner, registry.registered(kind))
    return _preferred(owner.__name__, found) if found else None


def _core(kind: str, attribute: str) -> list[Entry]:
    """Return core's entries of the classes that are called so, whatever module they are taken from."""
    from npdl_core.registry.table import core_entries

    called_so = (entry for entry in core_entries(kind).values() if entry.text.endswith(f":{attribute}"))
    return list(dict.fromkeys(called_so))


def _same(registry: Registry, owner: Any, entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries whose object is ``owner`` itself; another class may carry its name."""
    found = []
    for entry in entries:
        try:
            if registry.load(entry) is owner:
                found.append(entry)
        except PluginError:
            continue
    return [entry for entry in found if entry.distribution == found[0].distribution]


def _preferred(class_name: str, entries: list[Entry]) -> Entry:
    """Return the entry that is named as the class is, or else the first."""
    return next((entry for entry in entries if fold(entry.name) == fold(class_name)), entries[0])


def _text(owner: Any) -> str:
    return f"{owner.__module__}:{owner.__qualname__}"
