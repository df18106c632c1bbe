"""Columns of a table: which ones are meant, and text labels as class ids."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_int
from npdl_core.errors import ConfigError, DataError, printable

__all__ = ["ClassColumn", "Column", "check_columns", "find_columns"]

#: A column by its name, or by its index, where negative ones count from the end.
Column = int | str

_MAX_CLASSES = 2**16


def check_columns(name: str, value: Any) -> list[Column]:
    """Return a column, or a sequence of columns, as a list.

    Raises
    ------
    ConfigError
        If it is neither, or empty.
    """
    columns = [value] if isinstance(value, str) or not isinstance(value, Sequence) else list(value)
    if not columns or "" in columns:
        raise ConfigError(f"{name} must be column names or indices, got {printable(repr(value), 80)}")
    return [column if isinstance(column, str) else check_int(name, column) for column in columns]


def find_columns(columns: Sequence[Column], names: Sequence[str], where: str) -> list[int]:
    """Return the indices of columns of a table.

    Raises
    ------
    DataError
        If there is no such column, a name stands for two, or one column is given twice.
    """
    found = [_find(column, names, where) for column in columns]
    if len(set(found)) < len(found):
        raise DataError(f"{where}: a column is given twice in {printable(columns)}")
    return found


def _find(column: Column, names: Sequence[str], where: str) -> int:
    if isinstance(column, int):
        if not -len(names) <= column < len(names):
            raise DataError(f"{where}: no column {column}, there are {len(names)}")
        return column % len(names)
    if names.count(column) != 1:
        problem = "no column" if column not in names else "more than one column"
        listed = printable(", ".join(names))
        raise DataError(f"{where}: {problem} named {printable(repr(column), 60)}; the columns are {listed}")
    return names.index(column)


class ClassColumn:
    """Labels of rows and their ids: in numerical order if all are integers, else in text order."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}
        self._rows = array("q")

    def add(self, label: str, where: str) -> None:
        """Add the label of the next row.

        Raises
        ------
        DataError
            If it is empty, or there are too many different ones.
        """
        label = label.strip()
        if not label:
            raise DataError(f"{where}: an empty class label")
        self._rows.append(self._ids.setdefault(label, len(self._ids)))
        if len(self._ids) > _MAX_CLASSES:
            raise DataError(
                f"{where}: more than {_MAX_CLASSES} different labels; a number needs task='regression'"
            )

    def finish(self, where: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        """Return the class ids ``(N,)`` and the names of the classes.

        Raises
        ------
        DataError
            If the labels are numbers and not integers.
        """
        keys: list[Any] = _numbers(self._ids) or list(self._ids)
        if any(isinstance(key, float) and not key.is_integer() for key in keys):
            raise DataError(
                f"{where}: the target is a number that is no integer; that needs task='regression'"
            )
        order = sorted(set(keys))
        rank = {key: place for place, key in enumerate(order)}
        ids = np.array([rank[key] for key in keys], dtype=np.int64)[np.array(self._rows, dtype=np.int64)]
        return ids, tuple(str(int(key)) if isinstance(key, float) else key for key in order)


def _numbers(labels: Sequence[str] | dict[str, int]) -> list[float] | None:
    """Return labels as numbers, or None if one of them is no finite number."""
    try:
        values = [float(label) for label in labels]
    except ValueError:
        return None
    return values if all(map(math.isfinite, values)) else None
