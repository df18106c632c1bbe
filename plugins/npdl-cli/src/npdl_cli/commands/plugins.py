"""``npdl plugins``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from npdl_cli.failures import FAILURE
from npdl_cli.options import Command

if TYPE_CHECKING:
    from npdl_core.registry.report import Plugin

__all__ = ["plugins"]

_STYLES = {"ok": "green", "broken": "bold red", "disabled": "dim"}


@click.command(cls=Command)
@click.option("--check", is_flag=True, help="Import everything, and fail if anything is broken.")
@click.argument("distributions", nargs=-1, metavar="[DISTRIBUTION]...")
def plugins(check: bool, distributions: tuple[str, ...]) -> None:
    """List the installed plugins and their state.

    Nothing is imported, so a plugin is called broken only if its entry points cannot be right; --check tries
    them all.
    """
    from npdl_cli.console import line
    from npdl_core import registry
    from npdl_core.registry.overlaps import overlaps

    found = _chosen(registry.plugins(), distributions)
    if check:
        for plugin in found:
            if plugin.state != "disabled" and plugin.distribution != "local":
                registry.check_plugin(plugin.distribution)
        found = _chosen(registry.plugins(), distributions)
    if not found:
        line("no plugins are installed")
        return
    _show(found)
    for text in overlaps():
        line(text)
    if check and any(plugin.state == "broken" for plugin in found):
        raise click.exceptions.Exit(FAILURE)


def _chosen(found: list[Plugin], distributions: tuple[str, ...]) -> list[Plugin]:
    """Return the records of the distributions that are named, or all."""
    from npdl_core.errors import printable
    from npdl_core.registry.naming import closest, fold_distribution

    by_name = {plugin.distribution: plugin for plugin in found}
    for name in distributions:
        if fold_distribution(name) not in by_name:
            near = closest(name, by_name, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise click.BadParameter(
                f"{printable(repr(name), 80)} is no installed distribution with npdl entry points{hint}",
                param_hint="DISTRIBUTION",
            )
    return [by_name[fold_distribution(name)] for name in distributions] or found


def _show(found: list[Plugin]) -> None:
    from npdl_cli.console import cell, line, print_table

    rows = [
        (
            cell(plugin.distribution),
            cell(plugin.version, limit=40),
            cell(f"v{plugin.api}"),
            cell(plugin.state, _STYLES.get(plugin.state, "yellow")),
            cell(", ".join(_counted(len(names), kind) for kind, names in plugin.names.items())),
        )
        for plugin in found
    ]
    print_table(("distribution", "version", "API", "state", "provides"), rows)
    for plugin in found:
        if plugin.error:
            line(f"{plugin.distribution} is {plugin.state}: {plugin.error}")


def _counted(number: int, kind: str) -> str:
    return f"{number} {kind.removesuffix('s') if number == 1 else kind}"
