"""Where batches come from: arrays in memory or on disk, or an iterable of batches."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import DataError, printable

__all__ = ["ArrayData", "Batch", "StreamData", "as_data", "as_one", "check_mask"]


class Batch(NamedTuple):
    """One batch: inputs, targets, and what weighs them; arrays, or dicts of arrays by name."""

    x: Any
    y: Any = None
    mask: Any = None
    sample_weight: Any = None


def _as_array(value: Any, name: str) -> NDArray[Any]:
    if type(value) is not np.ndarray and _is_masked(value):
        raise DataError(f"{name}: masked arrays are not used; fill them, and pass mask= or sample_weight=")
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise DataError(
            f"{name}: not an array ({printable(error)}); pad sequences of unequal lengths and pass a mask"
        ) from None
    if array.dtype.kind not in "biuf":
        raise DataError(
            f"{name}: expected numbers, got an array of {array.dtype}; encode classes and words as integers"
        )
    if array.ndim == 0:
        raise DataError(f"{name}: expected an array with a batch axis, got a single number")
    return array


def _is_masked(value: Any) -> bool:
    """Return whether this is a masked array; where NumPy's module of them was not imported, there is none."""
    masked = sys.modules.get("numpy.ma")
    return masked is not None and isinstance(value, masked.MaskedArray)


def _as_arrays(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        if not value:
            raise DataError(f"{name}: an empty dict has no arrays")
        return {key: _as_array(item, f"{name}[{printable(key, 40)!r}]") for key, item in value.items()}
    return _as_array(value, name)


def _pick(value: Any, index: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, dict):
        return {key: _pick(item, index) for key, item in value.items()}
    if isinstance(index, slice) or not _in_rows(value):
        return value[index]
    return value.take(index, axis=0)  # up to three times as fast


def _in_rows(array: NDArray[Any]) -> bool:
    """Return whether ``take`` copies rows as they lie; of other arrays it would copy everything first."""
    flags = array.flags
    return type(array) is np.ndarray and flags.c_contiguous and flags.aligned and array.dtype.isnative


def check_mask(mask: Any, x: Any) -> Any:
    """Return a mask, or a dict of them by input name, as booleans.

    Raises
    ------
    DataError
        If it holds more than true and false, or its shape is not that of the first axes of the inputs.
    """
    if mask is None:
        return None
    if isinstance(mask, dict):
        if not isinstance(x, dict) or not mask.keys() <= x.keys():
            raise DataError(f"mask: {printable(list(mask), 120)} are not all names of inputs")
        return {name: check_mask(part, x[name]) for name, part in mask.items()}
    array = np.asarray(mask)
    for item in x.values() if isinstance(x, dict) else [x]:
        shape = np.shape(item)
        if array.shape[:1] != shape[:1] or (not isinstance(x, dict) and array.shape != shape[: array.ndim]):
            raise DataError(
                f"mask: shape {array.shape} does not fit inputs of shape {shape}; it must be (N, T)"
            )
    if array.dtype == np.bool_:
        return array
    if not np.logical_or(array == 0, array == 1).all():
        raise DataError("mask: expected true and false, or 1 and 0; use sample_weight for other weights")
    return array.astype(np.bool_)


def as_one(x: Any, mask: Any = None) -> Batch:
    """Return inputs as one batch, sooner than :class:`ArrayData` where there is one array and no mask."""
    if mask is not None or isinstance(x, dict):
        return ArrayData(x, None, mask).whole()
    return Batch(_as_array(x, "X"))


class ArrayData:
    """Arrays, memory-mapped files or dicts of them, with a batch axis of one length.

    Parameters
    ----------
    x, y : array or dict of arrays (N, ...)
        Inputs and targets; ``y`` may be None for prediction.
    mask : array of bool (N, T), optional
        True at real time steps.
    sample_weight : array (N,) or (N, T), optional
        Weights.

    Notes
    -----
    Nothing is copied but the batch at hand, so memory-mapped arrays larger than memory are fine.

    Raises
    ------
    DataError
        If something is no array of numbers, or the lengths differ.
    """

    def __init__(self, x: Any, y: Any = None, mask: Any = None, sample_weight: Any = None) -> None:
        self.x = _as_arrays(x, "X")
        self.y = None if y is None else _as_arrays(y, "Y")
        self.mask = None if mask is None else _as_arrays(mask, "mask")
        self.sample_weight = None if sample_weight is None else _as_arrays(sample_weight, "sample_weight")
        self.n_samples = self._common_length()

    def _common_length(self) -> int:
        if self.y is None and self.mask is None and self.sample_weight is None and type(self.x) is not dict:
            return len(self.x)
        lengths = {
            len(array)
            for part in (self.x, self.y, self.mask, self.sample_weight)
            if part is not None
            for array in (part.values() if isinstance(part, dict) else (part,))
        }
        if len(lengths) > 1:
            raise DataError(f"all arrays need the same number of samples: {self._listed_lengths()}")
        return lengths.pop()

    def _listed_lengths(self) -> str:
        given = {"X": self.x, "Y": self.y, "mask": self.mask, "sample_weight": self.sample_weight}
        lengths = {
            name if key is None else f"{name}[{key!r}]": len(array)
            for name, part in given.items()
            if part is not None
            for key, array in (part.items() if isinstance(part, dict) else [(None, part)])
        }
        return ", ".join(f"{name} has {length}" for name, length in lengths.items())

    def take(self, index: Any) -> Batch:
        """Return the samples of a slice (views) or an index array (copies)."""
        x = _pick(self.x, index)
        mask = None if self.mask is None else check_mask(_pick(self.mask, index), x)
        return Batch(x, _pick(self.y, index), mask, _pick(self.sample_weight, index))

    def whole(self) -> Batch:
        """Return all samples as one batch."""
        mask = None if self.mask is None else check_mask(self.mask, self.x)
        return Batch(self.x, self.y, mask, self.sample_weight)

    def part(self, start: int, stop: int) -> ArrayData:
        """Return samples start … stop - 1 as data of their own, without copying."""
        index = slice(start, stop)
        return ArrayData(*(_pick(part, index) for part in (self.x, self.y, self.mask, self.sample_weight)))

    def batches(self, batch_size: int, order: NDArray[np.integer[Any]] | None = None) -> Iterator[Batch]:
        """Yield all samples in batches, the last one as small as it falls out; ``order`` permutes them."""
        for start in range(0, self.n_samples, batch_size):
            stop = min(start + batch_size, self.n_samples)
            yield self.take(slice(start, stop) if order is None else order[start:stop])

    def shuffled(self, rng: np.random.Generator) -> NDArray[Any]:
        """Return a new order of the samples, in half the memory of a permutation of 64-bit numbers."""
        small = self.n_samples < 2**32
        order: NDArray[Any] = np.arange(self.n_samples, dtype=np.uint32 if small else np.uint64)
        rng.shuffle(order)
        return order


class StreamData:
    """A re-iterable of batches: ``(x, y)``, ``(x, y, sample_weight)``, dicts of ``x y mask sample_weight``.

    Parameters
    ----------
    source : iterable
        Gives its batches anew at every ``iter``.

    Attributes
    ----------
    one_shot : bool
        It is an iterator, which can be gone through once.
    """

    n_samples = None

    def __init__(self, source: Iterable[Any]) -> None:
        self._source = source
        self.one_shot = hasattr(source, "__next__")

    def batches(self, batch_size: int) -> Iterator[Batch]:
        """Yield the batches as they come; their size is the source's own."""
        return map(as_batch, self._source)

    def refuse_one_shot(self, name: str) -> None:
        """Raise :class:`DataError` if the batches cannot be had twice."""
        if self.one_shot:
            raise DataError(
                f"{name} is a one-shot iterator, and every epoch goes through the data again; pass something "
                "that can be iterated again: a list of batches, or an object whose __iter__ starts afresh"
            )


def as_batch(item: Any) -> Batch:
    """Return what a stream gave as a checked batch.

    Raises
    ------
    DataError
        If it is something else than a batch with targets.
    """
    if isinstance(item, dict) and "x" in item and set(item) <= set(Batch._fields):
        batch = Batch(**item)
    elif isinstance(item, (tuple, list)) and 2 <= len(item) <= 3:
        batch = Batch(item[0], item[1], None, item[2] if len(item) == 3 else None)
    else:
        raise DataError(
            "a batch must be (x, y), (x, y, sample_weight) or a dict with keys x, y, mask, sample_weight; "
            f"got {printable(type(item).__name__)}"
        )
    if batch.y is None:
        raise DataError("a batch has no targets y")
    return ArrayData(*batch).whole()


def as_data(x: Any, y: Any = None, mask: Any = None, sample_weight: Any = None) -> ArrayData | StreamData:
    """Return arrays with targets as data, or without targets an iterable of batches.

    Raises
    ------
    DataError
        If it is neither.
    """
    if y is not None:
        return ArrayData(x, y, mask, sample_weight)
    if isinstance(x, (np.ndarray, dict)) or not hasattr(x, "__iter__"):
        raise DataError("Y is missing; X alone must be an iterable of batches (x, y)")
    if mask is not None or sample_weight is not None:
        raise DataError("with an iterable of batches, mask and sample_weight come inside each batch")
    return StreamData(x)
