"""Write the measured values into a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from npdl_core.callbacks.base import Callback
from npdl_core.checks import check_bool, check_choice, check_int
from npdl_core.errors import ConfigError, FileFormatError
from npdl_core.saving.atomic import write_atomically
from npdl_core.saving.paths import check_path, check_target

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

    Raises
    ------
    DataError
        When training starts, if ``path`` cannot be a file.

    Notes
    -----
    The first epoch decides the columns. Every row is on disk when its epoch ends, so an interrupted run loses
    nothing; a resumed one goes on after the rows of its checkpoint.

    Examples
    --------
    >>> CSVLogger("run.csv").config["separator"]
    ','
    """

    def __init__(self, path: Any = "history.csv", separator: str = ",", append: bool = False) -> None:
        self.path = self.config["path"] = check_path("path", path)
        self.separator = check_choice("separator", separator, (",", ";", "\t"))
        self.append = check_bool("append", append)
        self.restart()

    def restart(self) -> None:
        """Start a new file, or go on with an existing one if ``append``."""
        self._rows = 0
        self._resumed = False

    def on_train_begin(self, logs: dict[str, Any]) -> None:
        """Find the columns of a file to go on with; cut off what a checkpoint does not know of."""
        check_target(self.path)
        old = self._read() if self.append or self._resumed else ""
        rows = list(csv.reader(io.StringIO(old, newline=""), delimiter=self.separator))
        self._columns = rows[0] if rows else None
        if self._resumed and len(rows) > self._rows + 1:
            write_atomically(self.path, self._text(rows[: self._rows + 1]).encode())
        elif old and not old.endswith("\n"):
            write_atomically(self.path, f"{old}\r\n".encode())
        if not self._resumed:
            self._rows = max(len(rows) - 1, 0)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Write a row; the first one decides the columns."""
        fresh = self._columns is None
        columns = ["epoch", *logs] if self._columns is None else self._columns
        values = {"epoch": epoch, **logs}
        row = [values.get(column, "") for column in columns]
        with Path(self.path).open("w" if fresh else "a", newline="", encoding="utf-8") as stream:
            stream.write(self._text([columns, row] if fresh else [row]))
        self._columns = columns
        self._rows += 1

    def _read(self) -> str:
        path = Path(self.path)
        return path.read_bytes().decode("utf-8") if path.exists() else ""

    def _text(self, rows: list[Any]) -> str:
        buffer = io.StringIO(newline="")
        csv.writer(buffer, delimiter=self.separator).writerows(rows)
        return buffer.getvalue()

    def state(self) -> dict[str, Any]:
        """Return how many rows there are."""
        return {"rows": self._rows}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on after that many rows."""
        try:
            rows = check_int("rows", state["rows"], 0)
        except (KeyError, ConfigError) as error:
            raise FileFormatError(f"csv_logger: malformed state ({error})") from None
        self._rows, self._resumed = rows, True
