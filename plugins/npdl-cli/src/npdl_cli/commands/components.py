"""``npdl components``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click

from npdl_cli.options import Command, Kind

if TYPE_CHECKING:
    from npdl_core.registry.discovery import Entry

__all__ = ["components", "provider"]


def provider(entry: Entry) -> str:
    """Return the distribution and the version that an entry comes from."""
    import npdl_core
    from npdl_core.registry.naming import CORE

    version = npdl_core.__version__ if entry.distribution == CORE else entry.version
    return f"{entry.distribution} {version}".strip()


class Listed(NamedTuple):
    """A component as it is listed: its name, its other names, and who provides it."""

    name: str
    aliases: tuple[str, ...]
    provider: str


@click.command(cls=Command)
@click.argument("kind", type=Kind(), required=False)
def components(kind: str | None) -> None:
    """List the names of all components.

    Or only those of one KIND, such as layers. Nothing is imported, so what hooks register when they run is
    not among them.
    """
    from npdl_cli.console import cell, line, print_table
    from npdl_core.builtin import KINDS

    blank = False
    for one in [kind] if kind else KINDS:
        rows = [
            (cell(listed.name, "bold"), cell(", ".join(listed.aliases)), cell(listed.provider))
            for listed in components_of(one)
        ]
        if rows or kind:
            if blank:
                line()
            blank = True
            print_table((one, "also called", "provided by"), rows)


def components_of(kind: str) -> list[Listed]:
    """Return the usable components of a kind, by name; names of one class are aliases of each other."""
    from npdl_core import registry
    from npdl_core.registry.table import core_entries

    table = registry.default()
    core = core_entries(kind)
    names: dict[tuple[str, str], list[Entry]] = {}
    for entry in (*core.values(), *table.entries(kind), *table.registered(kind)):
        known = names.setdefault((entry.distribution, entry.text), [])
        if entry not in known:
            known.append(entry)
    listed = [_listed(kind, entries) for entries in names.values()]
    return sorted(listed, key=lambda one: (one.name, one.provider))


def _listed(kind: str, entries: list[Entry]) -> Listed:
    """Return the record of the entries of one class; the name that is spelled as the class comes first."""
    from npdl_core.builtin import ALIASES
    from npdl_core.registry.naming import CORE, fold

    first = next(
        (entry for entry in entries if fold(entry.name) == fold(entry.text.rpartition(":")[2])), entries[0]
    )
    aliases = [entry.name for entry in entries if entry is not first]
    if first.distribution == CORE:
        own = {entry.name for entry in entries}
        aliases += [alias for alias, name in ALIASES[kind].items() if name in own]
    return Listed(first.name, tuple(sorted(aliases)), provider(first))
