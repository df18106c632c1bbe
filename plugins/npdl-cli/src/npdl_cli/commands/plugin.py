"""``npdl plugin``: for those who write plugins."""

from __future__ import annotations

from pathlib import Path

import click

from npdl_cli.groups import PluginGroup
from npdl_cli.options import Command, debug_option
from npdl_cli.plugin_author.kinds import KINDS
from npdl_cli.plugin_author.scaffold import LICENCES

__all__ = ["make"]


def make(root: PluginGroup) -> PluginGroup:
    """Return the group; plugins that are given ``root`` may add to it."""
    group = PluginGroup(
        name="plugin",
        root=root,
        params=[debug_option()],
        help="Write a plugin, and check one before it is published.",
    )
    group.add_command(new)
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
