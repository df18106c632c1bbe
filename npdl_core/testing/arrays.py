"""Arrays to check with: random ones, the same numbers in other memory layouts, read-only copies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LAYOUTS", "as_list", "laid_out", "like", "read_only", "unit_entries"]


def _every_second(array: NDArray[Any]) -> NDArray[Any]:
    # One column more, so that no reshape can flatten it without a copy.
    wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1] + 1), array.dtype)
    spread = wide[..., : 2 * array.shape[-1] : 2]
    spread[...] = array
    return spread


def _backwards(array: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(array[::-1])[::-1]


LAYOUTS: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "every second entry": _every_second,
    "Fortran order": np.asfortranarray,
    "reversed": _backwards,
}
"""Functions that return equal arrays of another memory layout; each needs an array of at least one axis."""


def laid_out(arrays: list[NDArray[Any]]) -> Iterator[tuple[str, list[NDArray[Any]]]]:
    """Yield the name of each layout and the arrays in it."""
    for name, change in LAYOUTS.items():
        yield name, [change(array) if array.ndim else array for array in arrays]


def unit_entries(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return numbers of magnitude 0.5 to 1 with random signs: none so near to zero that it could hide."""
    signs = rng.choice([-1.0, 1.0], shape)
    return np.asarray(signs * rng.uniform(0.5, 1.0, shape))


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return a copy that cannot be written."""
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def as_list(value: Any) -> list[Any]:
    """Return a list or tuple as a list, and anything else as the only entry of one."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def like(values: list[Any], form: Any) -> Any:
    """Return ``values`` as a list if ``form`` is a list or tuple, else its only entry."""
    return values if isinstance(form, (list, tuple)) else values[0]
