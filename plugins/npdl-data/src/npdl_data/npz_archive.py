"""Data sets from NPZ archives."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from npdl_core.checks import check_bool, check_int
from npdl_core.datasets import Dataset
from npdl_core.errors import ConfigError, DataError, printable
from npdl_data.formats.bounded import MAX_BYTES
from npdl_data.formats.npz import read_npz
from npdl_data.installed import keep_path
from npdl_data.parts import Part, Split, check_scale, one_hot_labels, scale_parts

__all__ = ["NPZ"]


class NPZ(Dataset):
    """Arrays from an NPZ file, as ``numpy.savez`` and ``savez_compressed`` write it; never unpickled.

    X and Y of any shape with N first; with ``mask`` also a mask ``(N, T)`` of bool. They come as they are
    stored, in the machine's byte order.

    Parameters
    ----------
    path : str
        The archive.
    x, y : str
        The names of X and Y in it.
    mask : str, optional
        The name of the mask.
    x_test, y_test, mask_test : str, optional
        The names of the test part; without them it is split off X and Y.
    test_split : float
        The fraction of samples in the test part, in [0, 1); unused where the archive has a test part.
    shuffle : bool
        Shuffle before splitting, or the training part where the archive has a test part.
    seed : int
        Decides the order.
    scale : {"unit", "standard", "none"}
        Of X, by statistics of the training part: its largest magnitude, or its mean and deviation; for each
        entry of the last axis, for arrays of four axes and more over all values. Gives float32, or float64
        for float64.
    one_hot : bool
        Integer labels ``(N,)`` as rows ``(N, C)`` of float32, with C the largest label and one more.
    max_bytes : int
        The most bytes that the file may have, and that its arrays together may take.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "data.npz")
    ...     np.savez(path, X=np.eye(4), Y=np.arange(4))
    ...     (X, Y), (X_test, Y_test) = NPZ(path, test_split=0.25).load()
    >>> Y, X_test
    (array([0, 1, 2]), array([[0., 0., 0., 1.]]))
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        x: str = "X",
        y: str = "Y",
        mask: str | None = None,
        x_test: str | None = None,
        y_test: str | None = None,
        mask_test: str | None = None,
        test_split: float = 0.1,
        shuffle: bool = False,
        seed: int = 0,
        scale: str = "none",
        one_hot: bool = False,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self.path = keep_path(self, path)
        self.names = _check_names({"x": x, "y": y}, {"mask": mask})
        self.test_names = _check_names({}, {"x_test": x_test, "y_test": y_test, "mask_test": mask_test})
        if self.test_names and len(self.test_names) != len(self.names):
            raise ConfigError(
                "x_test, y_test and, where there is a mask, mask_test must be given together, got "
                f"{printable(self.test_names)}"
            )
        self.split = Split(test_split, shuffle, seed)
        self.scale = check_scale(scale)
        self.one_hot = check_bool("one_hot", one_hot)
        self.max_bytes = check_int("max_bytes", max_bytes, 1)

    def load(self) -> tuple[Part, Part]:
        """Return ``(X, Y), (X_test, Y_test)``, or triples with the mask.

        Raises
        ------
        DataError
            If the archive is broken, too large, lacks an array or holds one that is not numeric; if arrays do
            not belong together, or numbers are not finite.
        BudgetError
            If one-hot labels would take too much memory.
        """
        arrays = read_npz(Path(self.path), [*self.names, *self.test_names], self.max_bytes)
        part = _checked({name: arrays[name] for name in self.names})
        if self.test_names:
            test = _checked({name: arrays[name] for name in self.test_names})
            _check_alike(part, test)
            train = self.split.shuffled(part)
        else:
            train, test = self.split.parts(*part)
        if self.scale != "none":
            X = train[0]
            dtype = np.float64 if X.dtype == np.float64 else np.float32
            train, test = scale_parts(train, test, self.scale, per_feature=X.ndim < 4, dtype=dtype)
        return _as_rows(train, test) if self.one_hot else (train, test)


def _check_names(required: dict[str, Any], optional: dict[str, Any]) -> list[str]:
    """Return the names of arrays that are given."""
    given = required | {key: name for key, name in optional.items() if name is not None}
    for key, name in given.items():
        if not isinstance(name, str) or not name:
            raise ConfigError(f"{key} must be the name of an array, got {printable(repr(name), 80)}")
    return list(given.values())


def _checked(arrays: dict[str, Any]) -> Part:
    """Return ``(X, Y)`` or ``(X, Y, mask)`` after a check that they belong together."""
    X, Y, *masks = part = tuple(arrays.values())
    shapes = ", ".join(f"{printable(name)} {array.shape}" for name, array in arrays.items())
    if not all(array.ndim and len(array) == len(X) for array in part) or not X.size:
        raise DataError(f"npz: arrays of shapes {shapes}; expected the same number of samples, at least one")
    for mask in masks:
        if mask.dtype != np.bool_ or mask.shape != X.shape[:2] or not mask.any():
            raise DataError(
                f"npz: a mask of {mask.dtype} with shapes {shapes}; expected bool (N, T), somewhere true"
            )
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise DataError(f"npz: {printable(name)} holds NaN or infinity")
    return X, Y, *masks


def _check_alike(train: Part, test: Part) -> None:
    for ours, theirs in zip(train, test, strict=True):
        if ours.shape[1:] != theirs.shape[1:] or ours.dtype != theirs.dtype:
            found = f"{ours.dtype} {ours.shape} and a test array {theirs.dtype} {theirs.shape}"
            raise DataError(
                f"npz: a training array {found}; expected equal dtypes and, after the samples, equal shapes"
            )


def _as_rows(train: Part, test: Part) -> tuple[Part, Part]:
    labels = train[1], test[1]
    found = f"{labels[0].dtype} {labels[0].shape}"
    if labels[0].ndim != 1 or labels[0].dtype.kind not in "iu" or any(y.min(initial=0) < 0 for y in labels):
        raise DataError(f"npz: one_hot needs labels (N,) of integers from 0, got {found}")
    n_classes = 1 + max(int(y.max(initial=0)) for y in labels)
    return one_hot_labels(train, n_classes), one_hot_labels(test, n_classes)
