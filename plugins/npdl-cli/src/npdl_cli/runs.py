"""The folder of a training run: what is written there, and what other commands read of it."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from npdl_cli.config import Experiment
from npdl_cli.config.item import ConfigFileError, Item, dotted
from npdl_core.errors import DataError, FileFormatError, printable
from npdl_core.model.history import History
from npdl_core.saving import strict_json
from npdl_core.saving.atomic import write_atomically

__all__ = ["CHECKPOINT", "RECORD", "Output", "Record"]

RECORD = "run.json"
CHECKPOINT = "checkpoint.safetensors"
_FORMAT = 1
_TYPES = {"config": dict, "home": str, "state": str, "history": dict, "results": dict, "confusions": dict}


@dataclass(frozen=True)
class Output:
    """Where a run writes: what ``[output]`` and ``--output`` say.

    Attributes
    ----------
    folder : Path
        Absolute; callbacks' relative paths are taken from it too.
    model : Path
        The saved model.
    history : tuple of Path
        Files for the History, JSON or CSV by their suffix.
    """

    folder: Path
    model: Path
    history: tuple[Path, ...] = ()

    @classmethod
    def of(cls, item: Item | None, config_folder: Path, name: str, folder: Path | None = None) -> Output:
        """Return what a configuration says; ``folder`` comes from the command line and wins.

        Raises
        ------
        ConfigFileError
            If an entry is unknown, or of the wrong form.
        """
        entries = {} if item is None else item.table("folder", "model", "history")
        own = entries["folder"].string() if "folder" in entries else f"runs/{name}"
        chosen = Path(os.path.normpath(config_folder / own) if folder is None else folder.absolute())
        model = entries["model"].string() if "model" in entries else "model.safetensors"
        files = _history_files(entries["history"]) if "history" in entries else []
        return cls(chosen, chosen / model, tuple(chosen / file for file in files))

    def make(self) -> None:
        """Make the folder, and see that files can be written where they are to go.

        Raises
        ------
        DataError
            If something else is in the place of a folder.
        """
        for folder in dict.fromkeys((self.folder, self.model.parent, *(p.parent for p in self.history))):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except (FileExistsError, NotADirectoryError) as error:
                raise DataError(f"{printable(folder)} cannot be a folder: a file is in its place") from error
        for path in (self.model, *self.history):
            if path.is_dir():
                raise DataError(f"{printable(path)} is a folder; give the name of a file")

    def write_history(self, history: History) -> None:
        """Write the History in all forms that are asked for."""
        for path in self.history:
            saved = _finite(history.to_json())
            text = _table(saved) if path.suffix == ".csv" else strict_json.dumps(saved)
            write_atomically(path, text.encode())


def _history_files(item: Item) -> list[str]:
    members = [item] if isinstance(item.value, str) else item.items()
    for member in members:
        if Path(member.string()).suffix not in (".json", ".csv"):
            raise member.wrong("a file name that ends in .json or .csv")
    return [member.value for member in members]


def _table(saved: Mapping[str, Any]) -> str:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow(["epoch", *saved["history"]])
    writer.writerows(zip(saved["epoch"], *saved["history"].values(), strict=True))
    return stream.getvalue()


def _finite(value: Any) -> Any:
    """Return a value as JSON can carry it: numbers that are not finite become None."""
    if isinstance(value, Mapping):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(entry) for entry in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return _finite(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


@dataclass
class Record:
    """What a run's folder says about it.

    Attributes
    ----------
    config : dict
        The configuration, with the settings from the command line.
    home : str
        The way from the run's folder to the configuration's, from where the paths in ``[data]`` are taken.
    state : str
        ``"running"``, ``"interrupted"`` or ``"finished"``.
    history : History
        Of the epochs so far.
    results : dict of dict
        Values of the final model by part of the data: ``training``, ``validation``, ``held-out``.
    confusions : dict of str to dict
        ``classes`` and ``counts`` (rows: true classes) by output, ``""`` for a single one; on the held-out
        part.
    """

    config: dict[str, Any]
    home: str = "."
    state: str = "running"
    history: History = field(default_factory=History)
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    confusions: dict[str, dict[str, Any]] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write ``run.json``."""
        saved = {"format": _FORMAT, **vars(self), "history": self.history.to_json()}
        write_atomically(folder / RECORD, strict_json.dumps(_finite(saved)).encode())

    @classmethod
    def read(cls, folder: Path) -> Record:
        """Return the record of a folder.

        Raises
        ------
        DataError
            If there is none.
        FileFormatError
            If it is not what :meth:`write` wrote.
        """
        path = folder / RECORD
        where = printable(path)
        try:
            with path.open("rb") as stream:
                content = stream.read(strict_json.MAX_BYTES + 1)
        except OSError as error:
            raise DataError(
                f"{printable(folder)} is not the folder of a run: {RECORD} cannot be read "
                f"({printable(error.strerror)})"
            ) from error
        saved = strict_json.loads(content, where)
        if not isinstance(saved, dict) or set(saved) != {"format", *_TYPES} or saved["format"] != _FORMAT:
            raise FileFormatError(f"{where}: not the record of a run of this version")
        if not all(isinstance(saved[key], kind) for key, kind in _TYPES.items()):
            raise FileFormatError(f"{where}: not the record of a run")
        del saved["format"]
        return cls(**{**saved, "history": History.from_json(saved["history"])})

    def experiment(self, folder: Path) -> Experiment:
        """Return the experiment of the run in a folder, which finds its data where the run did."""
        home = Path(os.path.normpath(folder.absolute() / self.home))
        return Experiment(Item(self.config, printable(folder / RECORD)), home, folder.name)

    def check_same(self, config: Mapping[str, Any], where: str) -> None:
        """Refuse to go on with another configuration; only how long and with which outputs may differ.

        Raises
        ------
        ConfigFileError
            Naming the first difference.
        """
        mine, theirs = _lasting(self.config), _lasting(config)
        keys = _difference(mine, theirs)
        if keys is not None:
            raise ConfigFileError(
                f"{where}: {dotted(keys)} is {_shown(theirs, keys)}, and {_shown(mine, keys)} in the run to "
                "resume; use the same, or start over without --resume"
            )


def _lasting(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what must not change when a run goes on."""
    fit = config.get("fit", {})
    kept = {key: value for key, value in fit.items() if key not in ("epochs", "max_iter", "callbacks")}
    return {**{key: config.get(key, {}) for key in ("data", "model", "compile")}, "fit": kept}


def _difference(a: Any, b: Any, keys: tuple[str | int, ...] = ()) -> tuple[str | int, ...] | None:
    """Return the way to the first difference between two values, None if they are equal."""
    if a == b and type(a) is type(b):
        return None
    entries: list[str | int] = []
    if isinstance(a, dict) and isinstance(b, dict):
        entries = [*a, *(key for key in b if key not in a)]
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        entries = list(range(len(a)))
    for key in entries:
        if isinstance(a, dict) and (key not in a or key not in b):
            return (*keys, key)
        found = _difference(a[key], b[key], (*keys, key))
        if found is not None:
            return found
    return keys


def _shown(value: Any, keys: tuple[str | int, ...]) -> str:
    for key in keys:
        if isinstance(value, dict) and key not in value:
            return "not set"
        value = value[key]
    return printable(repr(value), 80)
