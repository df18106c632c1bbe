"""Where batches come from: arrays in memory or on disk, or an iterable of batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import DataError, printable

__all__ = ["ArrayData", "Batch", "StreamData", "as_data", "first_shape"]


class Batch(NamedTuple):
    """One batch: inputs, targets, and what weighs them; arrays, or dicts of arrays by name."""

    x: Any
    y: Any = None
    mask: Any = None
    sample_weight: Any = None


def _as_array(value: Any, name: str) -> NDArray[Any]:
    try:
        array = np.asanyarray(value)
    except ValueError as error:
        raise DataError(
            f"{name}: not an array ({printable(error)}); pad sequences of unequal lengths and pass a mask"
        ) from None
    if isinstance(array, np.ma.MaskedArray):
        raise DataError(f"{name}: masked arrays are not used; fill them, and pass mask= or sample_weight=")
    if array.dtype.kind not in "biuf":
        raise DataError(f"{name}: expected numbers, got an array of {array.dtype}")
    if array.ndim == 0:
        raise DataError(f"{name}: expected an array with a batch axis, got a single number")
    return array


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
        return {key: item[index] for key, item in value.items()}
    return value[index]


def _lengths(value: Any, name: str) -> dict[str, int]:
    if value is None:
        return {}
    if isinstance(value, dict):
        return {f"{name}[{key!r}]": len(item) for key, item in value.items()}
    return {name: len(value)}


class ArrayData:
    """Arrays, memory-mapped files or dicts of them, with a batch axis of one length.

    Parameters
    ----------
    x, y : array or dict of arrays (N, ...)
        Inputs and targets; ``y`` may be None for prediction.
    mask : array (N, T), optional
        True at real time steps.
    sample_weight : array (N,) or (N, T), optional
        Weights.

    Notes
    -----
    Nothing is copied but the batch at hand, so memory-mapped arrays larger than memory are fine.
    """

    def __init__(self, x: Any, y: Any = None, mask: Any = None, sample_weight: Any = None) -> None:
        self.x = _as_arrays(x, "X")
        self.y = None if y is None else _as_arrays(y, "Y")
        self.mask = None if mask is None else _as_arrays(mask, "mask")
        self.sample_weight = None if sample_weight is None else _as_arrays(sample_weight, "sample_weight")
        lengths = {
            **_lengths(self.x, "X"),
            **_lengths(self.y, "Y"),
            **_lengths(self.mask, "mask"),
            **_lengths(self.sample_weight, "sample_weight"),
        }
        if len(set(lengths.values())) > 1:
            listed = ", ".join(f"{name} has {length}" for name, length in lengths.items())
            raise DataError(f"all arrays need the same number of samples: {listed}")
        self.n_samples = next(iter(lengths.values()))

    def take(self, index: Any) -> Batch:
        """Return the samples of a slice (views) or an index array (copies)."""
        return Batch(*(_pick(part, index) for part in (self.x, self.y, self.mask, self.sample_weight)))

    def part(self, start: int, stop: int) -> ArrayData:
        """Return samples start … stop - 1 as data of their own, without copying."""
        return ArrayData(*self.take(slice(start, stop)))

    def batches(self, batch_size: int, order: NDArray[np.intp] | None = None) -> Iterator[Batch]:
        """Yield all samples in batches, the last one as small as it falls out; ``order`` permutes them."""
        for start in range(0, self.n_samples, batch_size):
            stop = min(start + batch_size, self.n_samples)
            yield self.take(slice(start, stop) if order is None else order[start:stop])

    def n_batches(self, batch_size: int) -> int | None:
        """Return how many batches there are."""
        return -(-self.n_samples // batch_size)


class StreamData:
    """A re-iterable of batches ``(x, y)``, ``(x, y, sample_weight)`` or dicts with ``x y mask
    sample_weight``.

    Parameters
    ----------
    source : iterable
        Gives its batches anew at every ``iter``.
    """

    n_samples = None

    def __init__(self, source: Iterable[Any]) -> None:
        self._source = source
        self._spent = False

    def batches(self, batch_size: int, order: NDArray[np.intp] | None = None) -> Iterator[Batch]:
        """Yield the batches as they come; size and order are the source's own."""
        iterator = iter(self._source)
        if iterator is self._source:
            if self._spent:
                raise DataError(
                    "X is a one-shot iterator and is used up; pass something that can be iterated again "
                    "(a list of batches, or an object whose __iter__ starts afresh)"
                )
            self._spent = True
        for item in iterator:
            yield as_batch(item)

    def n_batches(self, batch_size: int) -> int | None:
        """Return how many batches there are, or None where the source does not say."""
        try:
            return len(self._source)  # type: ignore[arg-type]
        except TypeError:
            return None


def as_batch(item: Any) -> Batch:
    """Return what a stream gave as a checked batch."""
    if isinstance(item, dict) and "x" in item and set(item) <= set(Batch._fields):
        batch = Batch(**item)
    elif isinstance(item, (tuple, list)) and 2 <= len(item) <= 3:
        batch = Batch(item[0], item[1], None, item[2] if len(item) == 3 else None)
    else:
        raise DataError(
            "a batch must be (x, y), (x, y, sample_weight) or a dict with keys x, y, mask, sample_weight; "
            f"got {printable(type(item).__name__)}"
        )
    return ArrayData(*batch).take(slice(None))


def as_data(x: Any, y: Any = None, mask: Any = None, sample_weight: Any = None) -> ArrayData | StreamData:
    """Return data from what ``fit`` and ``evaluate`` take: arrays with targets, or without targets an iterable of batches."""
    if isinstance(x, (ArrayData, StreamData)):
        return x
    if y is not None:
        return ArrayData(x, y, mask, sample_weight)
    if isinstance(x, (np.ndarray, dict)) or not hasattr(x, "__iter__"):
        raise DataError("Y is missing; X alone must be an iterable of batches (x, y)")
    if mask is not None or sample_weight is not None:
        raise DataError("with an iterable of batches, mask and sample_weight come inside each batch")
    return StreamData(x)


def first_shape(x: Any) -> Any:
    """Return the shape that a batch's input connects a model to: batch axis None; a dict of them for several inputs."""
    if isinstance(x, dict):
        return {key: (None, *np.shape(item)[1:]) for key, item in x.items()}
    return (None, *np.shape(x)[1:])
