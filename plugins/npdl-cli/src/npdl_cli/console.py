"""What is printed: plain lines, tables, and text of others made safe to show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from npdl_core.errors import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

__all__ = [
    "cell",
    "is_live",
    "line",
    "make_console",
    "note",
    "print_if_it_fits",
    "print_table",
    "shown_number",
]

_ENDLESS = 10_000


def make_console(stderr: bool = False) -> Console:
    """Return a rich console that takes no markup; into a pipe or file it never folds a line."""
    from rich.console import Console

    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not is_live(console):
        console.width = _ENDLESS
    return console


def is_live(console: Console) -> bool:
    """Return whether somebody watches, on a terminal that can redraw; forced colours do not make one."""
    return console.is_interactive and console.file.isatty()


def cell(value: object, style: str = "", limit: int = 200) -> Text:
    """Return text for a table: control characters escaped, nothing of it taken for markup."""
    from rich.text import Text

    return Text(printable(value, limit), style)


def line(text: object = "") -> None:
    """Print a line on standard output, safe to show."""
    click.echo(printable(text, _ENDLESS))


def note(text: object) -> None:
    """Print a line on standard error, safe to show."""
    click.echo(printable(text, _ENDLESS), err=True)


def shown_number(value: Any) -> str:
    """Return a measured value in four digits.

    Examples
    --------
    >>> shown_number(0.25), shown_number(1e-7), shown_number(123456.0), shown_number(None)
    ('0.2500', '1.000e-07', '1.235e+05', '–')
    """
    if value is None:
        return "–"
    try:
        number = float(value)
    except (TypeError, ValueError):
        return printable(value, 40)
    return f"{number:.3e}" if number and not 1e-4 <= abs(number) < 1e4 else f"{number:.4f}"


def print_table(head: Sequence[str], rows: Iterable[Sequence[Text]], *, right: Sequence[int] = ()) -> None:
    """Print a table on standard output; ``right`` lists the columns of numbers."""
    make_console().print(_table(head, rows, right))


def print_if_it_fits(head: Sequence[str], rows: Iterable[Sequence[Text]], right: Sequence[int]) -> bool:
    """Print a table if the terminal is wide enough for it, and return whether it was."""
    console, table = make_console(), _table(head, rows, right)
    # Measured as if there was room for anything, since else the terminal's width would be the answer.
    wanted = console.measure(table, options=console.options.update(width=_ENDLESS)).maximum
    fits = wanted <= console.width
    if fits:
        console.print(table)
    return fits


def _table(head: Sequence[str], rows: Iterable[Sequence[Text]], right: Sequence[int]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for index, name in enumerate(head):
        table.add_column(
            cell(name), justify="right" if index in right else "left", no_wrap=index in (0, *right)
        )
    for row in rows:
        table.add_row(*row)
    return table
