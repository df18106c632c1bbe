"""``npdl plugin``: for those who write plugins."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from npdl_cli.failures import FAILURE
from npdl_cli.groups import PluginGroup
from npdl_cli.options import Command, debug_option
from npdl_cli.plugin_author.kinds import KINDS
from npdl_cli.plugin_author.scaffold import LICENCES

if TYPE_CHECKING:
    from npdl_cli.plugin_author.checks import Report

__all__ = ["make"]

_STYLES = {"ok": "green", "failed": "bold red", "unchecked": "yellow", "none": "dim"}


def make(root: PluginGroup) -> PluginGroup:
    """Return the group; plugins that are given ``root`` may add to it."""
    group = PluginGroup(
        name="plugin",
        root=root,
        params=[debug_option()],
        help="Write a plugin, and check one before it is published.",
    )
    group.add_command(new)
    group.add_command(check)
    return group


@click.command(cls=Command)
@click.argument("name")
@click.option(
    "--kind", type=click.Choice(list(KINDS)), default="layer", show_default=True, help="What is in it."
)
@click.option("--component", metavar="NAME", help="The component's name; by default NAME without npdl-.")
@click.option("--licence", "--license", type=click.Choice(LICENCES), default="MIT", show_default=True)
@click.option("--holder", metavar="NAME", help="Who has the copyright; by default the package's authors.")
@click.option(
    "--path",
    type=click.Path(file_okay=False, path_type=Path),
    help="The new folder; by default NAME in the current one.",
)
def new(
    name: str, kind: str, component: str | None, licence: str, holder: str | None, path: Path | None
) -> None:
    """Write a package with one component that works: installed, it is found by name and passes its test.

    NAME is that of the distribution, for example npdl-highway.
    """
    from npdl_cli.console import line
    from npdl_cli.plugin_author.naming import choose_names
    from npdl_cli.plugin_author.scaffold import render, write
    from npdl_core.errors import ConfigError, DuplicateNameError

    try:
        names = choose_names(name, kind, component)
        contents = render(names, kind, licence, holder)
    except (ConfigError, DuplicateNameError) as error:
        raise click.UsageError(str(error)) from error
    folder = path or Path(names.distribution)
    write(folder, contents)
    width = max(len(file) for file in contents)
    for file, text in contents.items():
        line(f"{folder / file}{' ' * (width - len(file))}  {len(text.splitlines()):3} lines")
    line()
    line(f"pip install -e {folder}")
    line(f"pytest {folder}")
    line(f"npdl plugin check {folder}")


@click.command(cls=Command)
@click.argument("target", default=".", metavar="[PATH|DISTRIBUTION]")
@click.option(
    "--arguments",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE.toml",
    help="A file with [tool.npdl.check]; by default PATH's pyproject.toml.",
)
@click.option("--properties", "-p", is_flag=True, help="List every property that holds.")
def check(target: str, arguments: Path | None, properties: bool) -> None:
    """Check everything that its users rely on, before a plugin is published.

    PATH is a folder with a pyproject.toml (by default the current one) or a wheel, DISTRIBUTION what is
    installed. Components are found by name, constructed from their configuration while files, sockets and
    processes are forbidden, and held against the conformance kit. The exit code is 1 if something fails or
    could not be checked.
    """
    from npdl_cli.plugin_author.arguments import read_table
    from npdl_cli.plugin_author.checks import check as check_distribution
    from npdl_cli.plugin_author.target import project_of, visible
    from npdl_core.errors import ConfigError, MissingPluginError

    folder = Path(target)
    try:
        document = project_of(arguments or folder / "pyproject.toml") if arguments or folder.is_dir() else {}
        with visible(target) as distribution:
            report = check_distribution(distribution, read_table(document))
    except (ConfigError, MissingPluginError) as error:
        raise click.UsageError(str(error)) from error
    _show(report, properties)
    if report.problems:
        raise click.exceptions.Exit(FAILURE)


def _show(report: Report, properties: bool) -> None:
    from npdl_cli.console import cell, line, print_table
    from npdl_cli.plugin_author.checks import COLUMNS

    line(f"{report.distribution} {report.version}")
    line()
    rows = [
        (cell(row.label), *(cell(row.cells[name].text, _STYLES[row.cells[name].state]) for name in COLUMNS))
        for row in report.rows
    ]
    print_table(("component", *COLUMNS), rows)
    if properties:
        _show_properties(report)
    line()
    for problem in report.problems:
        for text in problem.splitlines():
            line(text)
    number = len(report.problems)
    line(f"{number} problem{'s' if number > 1 else ''}" if number else "ready to be published")


def _show_properties(report: Report) -> None:
    from npdl_cli.console import line
    from npdl_core.testing import properties

    for row in report.rows:
        if row.held:
            known = properties(row.kind)
            line()
            line(f"{row.label}:")
            for name in row.held:
                line(f"  {name}: {known[name]}")
