"""``npdl plot`` and its sub-commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from npdl_cli.groups import PluginGroup
from npdl_cli.options import Command, debug_option

__all__ = ["make"]

_RUN = click.Path(exists=True, file_okay=False, path_type=Path)


class PlotGroup(PluginGroup):
    """A group whose argument may be a run's folder, to plot all there is."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the sub-command of the first argument; ``all`` if that is no command but a folder."""
        if args and self.get_command(ctx, args[0]) is None and Path(args[0]).is_dir():
            return "all", _all(), args
        return super().resolve_command(ctx, args)


def make(root: PluginGroup) -> PlotGroup:
    """Return the group; plugins that are given ``root`` add to it."""
    group = PlotGroup(
        name="plot",
        root=root,
        params=[debug_option()],
        help=(
            "Draw the curves and confusions of a run.\n\nRUN is the folder that `npdl train` wrote; "
            "`npdl plot RUN` draws everything into it, a command below one thing."
        ),
        subcommand_metavar="RUN | COMMAND [ARGS]...",
    )
    group.add_command(_command("curves", "Draw the measures of each epoch.", _curves))
    group.add_command(_command("confusion", "Draw which classes were taken for which.", _confusion))
    return group


def _command(name: str, text: str, figure_of: Callable[[Any], Any]) -> Command:
    """Return a command that draws one figure of a run."""

    @click.command(name, cls=Command, help=text)
    @click.argument("run", type=_RUN)
    @click.option(
        "--output",
        "-o",
        type=click.Path(path_type=Path),
        help=f"The file, by default {name}.png in the run's folder.",
    )
    def command(run: Path, output: Path | None) -> None:
        from npdl_cli.runs import Record

        _save(figure_of(Record.read(run)), output or run / f"{name}.png")

    return command


def _all() -> Command:
    @click.command("all", cls=Command)
    @click.argument("run", type=_RUN)
    def command(run: Path) -> None:
        """Draw everything into the run's folder."""
        from npdl_cli.runs import Record

        record = Record.read(run)
        _save(_curves(record), run / "curves.png")
        if record.confusions:
            _save(_confusion(record), run / "confusion.png")

    return command


def _curves(record: Any) -> Any:
    from npdl_cli.figures import curves_figure

    return curves_figure(record.history)


def _confusion(record: Any) -> Any:
    from npdl_cli.figures import confusion_figure

    return confusion_figure(record.confusions)


def _save(figure: Any, path: Path) -> None:
    from npdl_cli.console import line
    from npdl_cli.figures import save_figure

    save_figure(figure, path)
    line(f"drawn: {path}")
