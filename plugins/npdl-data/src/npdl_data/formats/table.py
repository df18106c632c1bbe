"""Delimited text: rows of cells that know their line, and their numbers."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from npdl_core.errors import DataError, printable
from npdl_data.formats.bounded import Source, text_lines

__all__ = ["Row", "read_rows"]


@dataclass(frozen=True)
class Row:
    """The cells of one row and where they stand, for messages."""

    cells: list[str]
    where: str

    def numbers(self, columns: Sequence[int], names: Sequence[str]) -> list[float]:
        """Return the cells of some columns as finite numbers.

        Raises
        ------
        DataError
            If one of them is empty, no number, NaN or infinite.
        """
        return [self._number(column, names) for column in columns]

    def is_all_text(self) -> bool:
        """Return whether no cell is a number, as in a header."""
        return not any(_is_number(cell) for cell in self.cells)

    def _number(self, column: int, names: Sequence[str]) -> float:
        try:
            value = float(self.cells[column])
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            found = printable(repr(self.cells[column]), 60)
            raise DataError(
                f"{self.where}, column {printable(names[column], 60)}: {found} is not a finite number"
            )
        return value


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def read_rows(source: Source, delimiter: str = ",") -> Iterator[Row]:
    """Yield the rows of a delimited text file; empty lines are skipped.

    Raises
    ------
    DataError
        If a row has another number of cells than the first one, or the file is not UTF-8 text of this form.
    """
    reader = csv.reader(text_lines(source), delimiter=delimiter, strict=True)
    width = 0
    try:
        for cells in reader:
            if not cells:
                continue
            width = width or len(cells)
            where = f"{source.shown}, line {reader.line_num}"
            if len(cells) != width:
                raise DataError(f"{where}: {len(cells)} cells, the first row has {width}")
            yield Row(cells, where)
    except csv.Error as error:
        raise DataError(f"{source.shown}, line {reader.line_num}: {printable(error)}") from error
