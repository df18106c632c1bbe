"""The contract of a data set, property by property."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from npdl_core.testing.audit import NETWORK, forbidden
from npdl_core.testing.common import COMMON, ComponentSubject
from npdl_core.testing.outcome import check_skipped, require, require_same, run
from npdl_core.testing.snapshot import arrays_in, global_random_state

__all__ = ["PROPERTIES", "check_dataset"]

PARTS = ("training", "test")


class DatasetSubject(ComponentSubject):
    """A data set, and what it loaded first: large ones are loaded as seldom as can be."""

    def __init__(self, spec: Any, config: Any) -> None:
        super().__init__("datasets", spec, config)

    def load(self) -> Any:
        """Return what a new instance loads."""
        return self.new().load()

    @cached_property
    def first(self) -> Any:
        """What was loaded first."""
        return self.load()


def _require_pairs(loaded: Any) -> None:
    pair = isinstance(loaded, tuple) and len(loaded) == 2
    require(pair, "load() returns no pair", "(X, Y), (X_test, Y_test)", type(loaded))
    for name, part in zip(PARTS, loaded, strict=True):
        fits = isinstance(part, tuple) and len(part) in (2, 3)
        require(fits, f"the {name} part is no (X, Y) or (X, Y, mask)", "a tuple of 2 or 3", type(part))
    require(len(loaded[0]) == len(loaded[1]), "one part has a mask, the other has none")


def parts_are_arrays_that_fit(subject: DatasetSubject) -> None:
    """X and Y of a part have equally many samples; their numbers are finite; both parts have one form."""
    parts = subject.first
    _require_pairs(parts)
    for name, part in zip(PARTS, parts, strict=True):
        for what, array in zip(("X", "Y", "mask"), part, strict=False):
            label = f"{what} of the {name} part"
            require(isinstance(array, np.ndarray), f"{label} is no array", "ndarray", type(array))
            require(array.dtype.kind in "biuf", f"{label} holds no numbers", "numbers", array.dtype)
            require(array.dtype.kind != "f" or np.isfinite(array).all(), f"{label} is not finite")
            require(len(array) == len(part[0]), f"samples in {label}", len(part[0]), len(array))
    for what, train, test in zip(("X", "Y"), parts[0], parts[1], strict=False):
        require(train.dtype == test.dtype, f"the dtype of {what} in the test part", train.dtype, test.dtype)
        require(train.ndim == test.ndim, f"the axes of {what} in the test part", train.ndim, test.ndim)
    require(len(parts[0][0]) > 0, "the training part is empty")


def masks_fit_the_sequences(subject: DatasetSubject) -> None:
    """A mask is bool (N, T) over the first two axes of X, and every sequence has a real step."""
    for name, part in zip(PARTS, subject.first, strict=True):
        if len(part) == 3:
            x, _, mask = part
            require(mask.dtype == bool, f"the dtype of the {name} mask", "bool", mask.dtype)
            require(mask.shape == x.shape[:2], f"the shape of the {name} mask", x.shape[:2], mask.shape)
            require(mask.any(axis=1).all(), f"a sequence of the {name} part has no real step")


def loading_is_reproducible(subject: DatasetSubject) -> None:
    """Loading again, by another instance, gives the same to the last bit; what was loaded is the caller's."""
    first, random = arrays_in(subject.first), global_random_state()
    kept = {path: array.copy() for path, array in first.items()}
    for array in first.values():
        if array.flags.writeable:
            array[...] = 0
    second = arrays_in(subject.load())
    for path, array in kept.items():
        require_same(second[path], array, f"loading again gives another {path}")
    require(global_random_state() == random, "the global random generators were used")


def nothing_is_fetched(subject: DatasetSubject) -> None:
    """Loading reaches out to no network and starts no process."""
    with forbidden(NETWORK, packages=None) as tried:
        _ = subject.first
    require(not tried, "loading reaches out of this machine", "files of this machine", ", ".join(tried))


PROPERTIES = (
    *COMMON,
    nothing_is_fetched,
    parts_are_arrays_that_fit,
    masks_fit_the_sequences,
    loading_is_reproducible,
)


def check_dataset(
    dataset: Any, *, config: Mapping[str, Any] | None = None, skip: Collection[str] = ()
) -> tuple[str, ...]:
    """Check everything that a data set promises.

    Parameters
    ----------
    dataset : str, type, mapping or Dataset
        What to check.
    config : mapping, optional
        Constructor arguments.
    skip : collection of str
        Names of properties that do not apply.

    Returns
    -------
    tuple of str
        Names of the properties that hold.

    Raises
    ------
    ConformanceError
        Naming the property that does not hold.
    MissingDependencyError
        If the package that ships the data is not installed.

    Examples
    --------
    >>> from npdl_core.datasets import Dataset
    >>> class Line(Dataset):
    ...     '''Points of a line.'''
    ...     def load(self):
    ...         x = np.arange(4.0)[:, None]
    ...         return (x, 2 * x), (x[:1], 2 * x[:1])
    >>> "nothing_is_fetched" in check_dataset(Line)
    True
    """
    subject = DatasetSubject(dataset, config)
    check_skipped(skip, PROPERTIES)
    return run(subject, PROPERTIES, skip)
