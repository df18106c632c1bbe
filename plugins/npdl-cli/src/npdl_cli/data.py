"""The arrays of a data set, as the commands use them."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from npdl_cli.config import Experiment
from npdl_cli.config.item import Item
from npdl_core.errors import DataError, printable
from npdl_core.model.data import ArrayData

__all__ = ["Part", "class_names", "find_experiment", "input_shape", "load_parts"]


class Part(NamedTuple):
    """The training or the test part of a data set: X (N, …), Y (N, …) and, for sequences, a mask (N, T)."""

    X: Any
    Y: Any
    mask: Any = None

    @property
    def n_samples(self) -> int:
        """How many samples there are."""
        return int(ArrayData(self.X, self.Y, self.mask).n_samples)

    def split(self, fraction: float) -> tuple[Part, Part]:
        """Return what ``fit`` trains on and what it validates on with this ``validation_split``."""
        data = ArrayData(self.X, self.Y, self.mask)
        cut = data.n_samples - int(data.n_samples * fraction)
        return Part(*data.take(slice(0, cut))[:3]), Part(*data.take(slice(cut, None))[:3])


def load_parts(dataset: Any, folder: Path | None = None) -> tuple[Part, Part]:
    """Return the training and the test part of a data set.

    Parameters
    ----------
    dataset : Dataset
        Its relative paths are taken from ``folder``.
    folder : Path, optional
        By default the current one.

    Raises
    ------
    DataError
        If what it loads are not two parts, of arrays that belong together.
    """
    with contextlib.chdir(folder or "."):
        loaded = dataset.load()
    if not _is_sequence(loaded, (2,)) or not all(_is_sequence(part, (2, 3)) for part in loaded):
        raise DataError(
            f"data set {printable(type(dataset).__name__, 60)}: load() must return (X, Y), (X_test, Y_test), "
            f"each perhaps with a mask; it returned {printable(type(loaded).__name__, 60)}"
        )
    train, test = (Part(*part) for part in loaded)
    for part in (train, test):
        _ = part.n_samples
    return train, test


def input_shape(train: Part, test: Part) -> Any:
    """Return the shape that takes both parts: batch axis None, and None where their sizes differ.

    For several inputs it is a dict of shapes by name.
    """
    if not isinstance(train.X, dict):
        return _common_shape(train.X, test.X)
    return {name: _common_shape(array, test.X[name]) for name, array in train.X.items()}


def _common_shape(a: Any, b: Any) -> tuple[int | None, ...]:
    first, second = np.shape(a)[1:], np.shape(b)[1:]
    if not len(b) or len(first) != len(second):
        return (None, *first)
    return (None, *(size if size == other else None for size, other in zip(first, second, strict=True)))


def _is_sequence(value: Any, lengths: tuple[int, ...]) -> bool:
    return isinstance(value, (tuple, list)) and len(value) in lengths


def class_names(dataset: Any, n_classes: int) -> list[str]:
    """Return the names that a loaded data set has for its classes, or their numbers."""
    names = getattr(dataset, "classes", ())
    if isinstance(names, (tuple, list)) and len(names) == n_classes:
        return [str(name) for name in names]
    return [str(index) for index in range(n_classes)]


def find_experiment(
    name: str | None, assignments: Sequence[str] = (), model: Path | None = None
) -> Experiment:
    """Return the experiment whose data is meant.

    Parameters
    ----------
    name : str or None
        A TOML file, or a data set by its name.
    assignments : sequence of str
        Settings of the form ``key=value``.
    model : Path, optional
        A saved model; without a name its run is meant.

    Raises
    ------
    ConfigFileError
        If the file cannot be used.
    DataError
        If there is neither a name nor a run.
    """
    from npdl_cli.config import overrides
    from npdl_cli.runs import RECORD, Record

    if name is not None and name.endswith(".toml"):
        return Experiment.read(Path(name), assignments)
    if name is not None:
        found = Experiment(Item({"data": {"name": name}}, "--data"), Path.cwd(), "data")
    elif model is not None and (model.parent / RECORD).exists():
        found = Record.read(model.parent).experiment(model.parent)
    else:
        raise DataError("the model is not in the folder of a run; say with --data which data is meant")
    return Experiment(overrides.apply(found.document, assignments), found.folder, found.name)
