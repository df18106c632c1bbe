"""What a connected network takes: names, shapes and dtypes of its inputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_shape
from npdl_core.errors import ConfigError, DataError, ShapeError, printable

__all__ = ["InputSpec", "compatible", "listed", "merged_shape", "opened_shape", "shape_of", "standard_shape"]


class InputSpec:
    """Shapes of the inputs, and which of them are ids.

    Parameters
    ----------
    shape : tuple, or dict of tuples by input name
        Batch axis first, None where a size may vary.
    ids : frozenset
        The names of inputs that stay integers; None is the name of a single one.
    dtype : dtype
        What the others are cast to.
    """

    def __init__(self, shape: Any, ids: frozenset[str | None], dtype: np.dtype[Any]) -> None:
        self.shape = shape
        self._ids = ids
        self._dtype = dtype

    def fits(self, x: Any) -> bool:
        """Return whether an array, or a dict of them, has these names and shapes."""
        if not isinstance(self.shape, dict):
            return not isinstance(x, dict) and _fits(self.shape, x.shape)
        x = self.named(x)
        return x.keys() == self.shape.keys() and all(
            _fits(shape, x[name].shape) for name, shape in self.shape.items()
        )

    def named(self, x: Any) -> dict[str, Any]:
        """Return inputs by name; one array is the only input there is."""
        if isinstance(x, dict):
            return x
        if len(self.shape) > 1:
            raise DataError(f"this model has several inputs: give a dict with the keys {listed(self.shape)}")
        return {next(iter(self.shape)): x}

    def prepare(self, x: Any) -> Any:
        """Return inputs in the network's dtype, ids as they are; nothing is copied that fits.

        Raises
        ------
        DataError
            If the names are not those of the inputs.
        ShapeError
            If a shape is another one.
        """
        if not isinstance(self.shape, dict):
            if isinstance(x, dict):
                raise DataError(f"this model has one input; give X as an array, not as a dict of {listed(x)}")
            return self._prepared(None, self.shape, x)
        x = self.named(x)
        if x.keys() != self.shape.keys():
            raise DataError(f"this model's inputs are {listed(self.shape)}, got {listed(x)}")
        return {name: self._prepared(name, shape, x[name]) for name, shape in self.shape.items()}

    def _prepared(self, name: str | None, shape: tuple[int | None, ...], value: Any) -> NDArray[Any]:
        array = np.asarray(value)
        if not _fits(shape, array.shape):
            shown = "X" if name is None else f"X[{name!r}]"
            raise ShapeError(
                f"{shown}: this model is connected to inputs of shape {shape}, got {array.shape}"
            )
        return array if array.dtype == self._dtype or name in self._ids else array.astype(self._dtype)


def _fits(shape: tuple[int | None, ...], came: tuple[int, ...]) -> bool:
    if came[1:] == shape[1:] and came:
        return True
    return len(shape) == len(came) and all(
        size is None or size == got for size, got in zip(shape[1:], came[1:], strict=True)
    )


def compatible(one: tuple[int | None, ...], two: tuple[int | None, ...]) -> bool:
    """Return whether two shapes agree where both have a size."""
    return len(one) == len(two) and all(
        None in (a, b) or a == b for a, b in zip(one[1:], two[1:], strict=True)
    )


def listed(names: Iterable[Any]) -> str:
    """Return names for a message."""
    return printable(list(names), 120)


def shape_of(x: Any) -> Any:
    """Return the shape that a batch connects a network to, batch axis None; a dict of them for a dict."""
    if isinstance(x, dict):
        return {name: (None, *np.shape(item)[1:]) for name, item in x.items()}
    return (None, *np.shape(x)[1:])


def opened_shape(shape: Any, ids: frozenset[str | None], name: str | None = None) -> Any:
    """Return a shape in which time may vary: None between batch and last axis; for ids, to the end."""
    if isinstance(shape, dict):
        return {key: opened_shape(item, ids, key) for key, item in shape.items()}
    kept = shape[1:] if len(shape) < 2 else () if name in ids else shape[-1:]
    return (None,) * (len(shape) - len(kept)) + kept


def merged_shape(known: Any, came: Any) -> Any:
    """Return a shape that both fit: None where their sizes differ, or the second where their ranks do."""
    if isinstance(came, dict):
        return {name: merged_shape(known.get(name, item), item) for name, item in came.items()}
    if len(known) != len(came):
        return came
    return tuple(a if a == b else None for a, b in zip(known, came, strict=True))


def standard_shape(shape: Any) -> Any:
    """Return a shape that a user gave as a tuple, or a dict of tuples, with a batch axis of any size.

    Raises
    ------
    ConfigError
        If it is no shape.
    """
    if isinstance(shape, Mapping):
        if not shape or not all(isinstance(name, str) for name in shape):
            raise ConfigError("a dict of shapes has the names of the inputs as keys")
        return {name: _standard(f"shape[{printable(name, 40)!r}]", item) for name, item in shape.items()}
    return _standard("shape", shape)


def _standard(name: str, shape: Any) -> tuple[int | None, ...]:
    sizes = check_shape(name, shape, unknown=True)
    if not sizes:
        raise ConfigError(f"{name} must begin with the batch axis: (None, …)")
    return (None, *sizes[1:])
