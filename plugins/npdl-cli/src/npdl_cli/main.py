"""The ``npdl`` command."""

from __future__ import annotations

import sys
import warnings
from typing import Any, NoReturn

import click

from npdl_cli import commands
from npdl_cli.console import note
from npdl_cli.failures import Debug, report
from npdl_cli.groups import PluginGroup
from npdl_cli.options import debug_option

__all__ = ["Npdl", "main", "make_command"]


class Npdl(PluginGroup):
    """The root: whatever goes wrong becomes one message and an exit code."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run with arguments, and exit with a code of :func:`npdl_cli.failures.report`."""
        debug = Debug()
        options = {"prog_name": "npdl", **options, "standalone_mode": False, "obj": debug}
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            try:
                code = super().main(*args, **options) or 0
                sys.stdout.flush()
            except BaseException as error:
                code = report(error, debug)
        sys.exit(code)

    def invoke(self, ctx: click.Context) -> None:
        """Run the chosen command; what it returns is no exit code, which only ``ctx.exit`` sets."""
        super().invoke(ctx)


def make_command() -> Npdl:
    """Return the command with all sub-commands of this package; plugins add theirs when it runs."""
    root = Npdl(
        name="npdl",
        help="Train, evaluate and look at models that a TOML file describes by names.",
        params=[debug_option()],
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    for command in commands.make(root):
        root.add_command(command)
    return root


def main() -> NoReturn:
    """Run the command with this process's arguments."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a sign the terminal lacks must not end a run
    sys.exit(make_command().main())


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    note(f"warning: {message}")
