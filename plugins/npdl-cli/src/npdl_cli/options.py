"""What several commands share: their class, options, and how a file or a kind is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from npdl_cli.failures import Debug

__all__ = ["MODEL", "Command", "Kind", "data_option", "debug_option", "set_option"]

_F = TypeVar("_F", bound=Callable[..., Any])

MODEL = click.Path(exists=True, dir_okay=False, path_type=Path)


def _note_debug(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    ctx.ensure_object(Debug).on |= value


def debug_option() -> click.Option:
    """Return the option ``--debug``, which every command takes."""
    return click.Option(
        ["--debug"],
        is_flag=True,
        expose_value=False,
        callback=_note_debug,
        help="Show where an error comes from.",
    )


class Command(click.Command):
    """A command that takes ``--debug``, at its end too."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.params.append(debug_option())


if TYPE_CHECKING:
    _StringType = click.ParamType[str]
else:  # older releases of click cannot say of what
    _StringType = click.ParamType


class Kind(_StringType):
    """A kind of component, in singular or plural."""

    name = "kind"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the plural, which the registry uses."""
        from npdl_core.builtin import KINDS
        from npdl_core.errors import printable
        from npdl_core.registry.naming import closest

        for kind in KINDS:
            if value in (kind, kind.removesuffix("s")):
                return kind
        near = closest(value, KINDS, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return self.fail(
            f"{printable(repr(value), 80)} is no kind; the kinds are {', '.join(KINDS)}{hint}", param, ctx
        )


def set_option(function: _F) -> _F:
    """Add ``--set key=value``."""
    return click.option(
        "--set",
        "-s",
        "assignments",
        metavar="KEY=VALUE",
        multiple=True,
        help="Put a setting into the configuration: fit.epochs=3, model.layers.0.n_out=64. May be repeated.",
    )(function)


def data_option(function: _F) -> _F:
    """Add ``--data``."""
    return click.option(
        "--data",
        metavar="NAME|CONFIG.toml",
        help="A data set by its name, or the [data] of a configuration; by default that of the model's run.",
    )(function)
