"""Write the measured values into a CSV file."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

from npdl_core.callbacks.base import Callback
from npdl_core.checks import check_bool, check_choice
from npdl_core.errors import ConfigError

__all__ = ["CSVLogger"]


class CSVLogger(Callback):
    """Write one row an epoch: ``epoch`` and all values of the logs.

    Parameters
    ----------
    path : path-like
        The file.
    separator : str
        ``","``, ``";"`` or a tab.
    append : bool
        Go on with an existing file of the same columns instead of replacing it.

    Notes
    -----
    Every row is on disk when its epoch ends, so an interrupted run loses nothing.

    Examples
    --------
    >>> CSVLogger("run.csv").config["separator"]
    ','
    """

    def __init__(self, path: Any = "history.csv", separator: str = ",", append: bool = False) -> None:
        if not isinstance(path, (str, os.PathLike)):
            raise ConfigError(f"path must name a file, got {type(path).__name__}")
        self.path = Path(path)
        self.config["path"] = os.fspath(path)
        self.separator = check_choice("separator", separator, (",", ";", "\t"))
        self.append = check_bool("append", append)
        self._columns: list[str] | None = None

    def on_train_begin(self, logs: dict[str, Any]) -> None:
        """Find the columns of a file to go on with."""
        self._columns = None
        if self.append and self.path.exists():
            with self.path.open(newline="", encoding="utf-8") as stream:
                self._columns = next(csv.reader(stream, delimiter=self.separator), None)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Write a row; the first one decides the columns."""
        fresh = self._columns is None
        columns = ["epoch", *logs] if self._columns is None else self._columns
        with self.path.open("w" if fresh else "a", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(
                stream, columns, restval="", extrasaction="ignore", delimiter=self.separator
            )
            if fresh:
                writer.writeheader()
            writer.writerow({"epoch": epoch, **logs})
        self._columns = columns
