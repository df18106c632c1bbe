"""``npdl version``."""

from __future__ import annotations

import click

from npdl_cli.options import Command

__all__ = ["version"]


@click.command(cls=Command)
def version() -> None:
    """Show the versions of npdl and its plugins."""
    import platform

    from importlib_metadata import version as installed

    from npdl_cli.console import line
    from npdl_core import registry

    names = {"npdl-core": installed("npdl-core"), "npdl-cli": installed("npdl-cli")}
    names |= {plugin.distribution: plugin.version for plugin in registry.plugins()}
    names |= {"numpy": installed("numpy"), "python": platform.python_version()}
    width = max(map(len, names))
    for name, number in names.items():
        line(f"{name:<{width}}  {number}")
