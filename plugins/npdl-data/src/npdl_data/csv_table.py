"""Data sets from delimited text files."""

from __future__ import annotations

import os
from array import array
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_bool, check_choice, check_int
from npdl_core.datasets import Dataset
from npdl_core.errors import ConfigError, DataError, StateError, printable
from npdl_data.columns import ClassColumn, Column, check_columns, find_columns
from npdl_data.formats.bounded import MAX_BYTES, check_budget, open_bounded
from npdl_data.formats.table import Row, read_rows
from npdl_data.installed import keep_path
from npdl_data.parts import Part, Split, check_scale, one_hot_labels, scale_parts

__all__ = ["CSV"]

TASKS = ("classification", "regression")


class CSV(Dataset):
    r"""A table from a delimited text file, UTF-8, plain or gzip.

    X ``(N, D)`` of the numbers in the feature columns. For classification Y ``(N,)`` int64: ids of the
    labels, numbers or text, which ``classes`` holds in id order after :meth:`load`; for regression Y ``(N,
    k)`` of the numbers in the target columns.

    Parameters
    ----------
    path : str
        The file.
    target : int, str or list of them
        The target column by index or by name; several for regression only. By default the last.
    columns : list of int or str, optional
        The feature columns; by default all others.
    task : {"classification", "regression"}
        What the target is.
    header : bool, optional
        Whether the first line has the names; by default it has if none of its cells is a number.
    delimiter : str
        One character.
    dtype : {"float32", "float64"}
        Of X, and of Y for regression.
    test_split : float
        The fraction of samples in the test part, in [0, 1).
    shuffle : bool
        Shuffle before splitting.
    seed : int
        Decides the order.
    scale : {"unit", "standard", "none"}
        Of X, per feature, by statistics of the training part: its largest magnitude, or its mean and
        deviation.
    one_hot : bool
        Labels as rows ``(N, C)`` of float32.
    max_bytes : int
        The most bytes that the file may hold and its numbers may take.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "fruit.csv")
    ...     _ = path.write_text("weight,width,fruit\n150,7,apple\n120,6,pear\n160,7.5,apple\n")
    ...     data = CSV(path, target="fruit", test_split=0, shuffle=False)
    ...     (X, Y), _ = data.load()
    >>> X.shape, Y, data.classes
    ((3, 2), array([0, 1, 0]), ('apple', 'pear'))
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        target: Column | Sequence[Column] = -1,
        columns: Sequence[Column] | None = None,
        task: str = "classification",
        header: bool | None = None,
        delimiter: str = ",",
        dtype: str = "float32",
        test_split: float = 0.1,
        shuffle: bool = True,
        seed: int = 0,
        scale: str = "none",
        one_hot: bool = False,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self.path = keep_path(self, path)
        self.target = check_columns("target", target)
        self.columns = None if columns is None else check_columns("columns", columns)
        self.task = check_choice("task", task, TASKS)
        self.header = None if header is None else check_bool("header", header)
        self.delimiter = _check_delimiter(delimiter)
        self.dtype = np.dtype(check_choice("dtype", dtype, ("float32", "float64")))
        self.split = Split(test_split, shuffle, seed)
        self.scale = check_scale(scale)
        self.one_hot = check_bool("one_hot", one_hot)
        self.max_bytes = check_int("max_bytes", max_bytes, 1)
        if self.task == "classification" and len(self.target) > 1:
            raise ConfigError(f"target must be one column for classification, got {len(self.target)}")
        if self.task == "regression" and self.one_hot:
            raise ConfigError("one_hot must be False for regression, which has no classes")
        self._classes: tuple[str, ...] | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels in the order of their ids; none for regression.

        Raises
        ------
        StateError
            Before :meth:`load`.
        """
        if self._classes is None:
            raise StateError("csv: the classes are known after load()")
        return self._classes

    def load(self) -> tuple[Part, Part]:
        """Return ``(X, Y), (X_test, Y_test)``.

        Raises
        ------
        DataError
            If the file cannot be read, has rows of different lengths, lacks a column, or a cell is not what
            its column asks for; the message has the line.
        BudgetError
            If the table would take more than ``max_bytes``.
        """
        X, Y, classes = self._table()
        train, test = scale_parts(*self.split.parts(X, Y), self.scale, dtype=self.dtype)
        if self.one_hot:
            train, test = one_hot_labels(train, len(classes)), one_hot_labels(test, len(classes))
        self._classes = classes
        return train, test

    def _table(self) -> tuple[NDArray[np.float64], NDArray[Any], tuple[str, ...]]:
        with open_bounded(Path(self.path), self.max_bytes) as source:
            rows = read_rows(source, self.delimiter)
            first = next(rows, None)
            if first is None:
                raise DataError(f"{source.shown}: no rows")
            has_header = first.is_all_text() if self.header is None else self.header
            names = [cell.strip() if has_header else str(index) for index, cell in enumerate(first.cells)]
            targets, features = self._choose(names, source.shown)
            numbers, values, labels = array("d"), array("d"), ClassColumn()
            for row in rows if has_header else chain([first], rows):
                numbers.extend(row.numbers(features, names))
                self._add_target(row, targets, names, values, labels)
                check_budget(
                    8 * (len(numbers) + len(values)), source.shown, "raise max_bytes", self.max_bytes
                )
            X = np.array(numbers).reshape(-1, len(features))
            if not len(X):
                raise DataError(f"{source.shown}: no rows after the header")
            if self.task == "regression":
                return X, np.array(values, dtype=self.dtype).reshape(-1, len(targets)), ()
            return X, *labels.finish(source.shown)

    def _choose(self, names: list[str], shown: str) -> tuple[list[int], list[int]]:
        """Return the indices of the target and of the feature columns."""
        targets = find_columns(self.target, names, shown)
        if self.columns is None:
            features = [index for index in range(len(names)) if index not in targets]
        else:
            features = find_columns(self.columns, names, shown)
        if not features or set(features) & set(targets):
            problem = (
                "there are no feature columns" if not features else "a target column is also a feature column"
            )
            raise DataError(f"{shown}: {problem}; the columns are {printable(', '.join(names))}")
        return targets, features

    def _add_target(
        self, row: Row, targets: list[int], names: list[str], values: array[float], labels: ClassColumn
    ) -> None:
        if self.task == "regression":
            values.extend(row.numbers(targets, names))
        else:
            labels.add(row.cells[targets[0]], row.where)


def _check_delimiter(delimiter: Any) -> str:
    if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '\r\n"':
        raise ConfigError(f"delimiter must be one character, got {printable(repr(delimiter), 80)}")
    return delimiter
