"""What a cell computes over, and how a batch gets there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import DataError, ShapeError

__all__ = ["Batch", "Sequence", "State", "batch_of"]

Array = NDArray[Any]
State = tuple[Array, ...]

CHUNK_ROWS = 1024
"""How many steps times samples inference computes at once; more would only need more memory."""


class Sequence(NamedTuple):
    """Time-major inputs, initial state and mask.

    Attributes
    ----------
    x : ndarray (T, N, D)
        Inputs, zero at masked steps.
    state : tuple of ndarray (N, H)
        Initial state.
    mask : ndarray (T, N, 1) or None
        1 at real steps, 0 at masked ones, in the layer's dtype.
    """

    x: Array
    state: State
    mask: Array | None


class Batch(NamedTuple):
    """Views of a batch in the order of computation: inputs (N, T, D), and the mask (N, T) or None."""

    x: Array
    mask: Array | None

    def time_major(self, out: Array, dtype: Any) -> Array | None:
        """Write the inputs into ``out`` (T, N, D), zero at masked steps; return the mask (T, N, 1)."""
        out[...] = self.x.transpose(1, 0, 2)
        if self.mask is None:
            return None
        real = self.mask.T[:, :, None]
        np.copyto(out, 0, where=~real)
        return np.ascontiguousarray(real, dtype)  # compiled kernels decline other orders

    def chunks(self) -> Iterator[tuple[slice, Batch]]:
        """Yield consecutive parts in time that are small enough for one go, and where they lie."""
        n_samples, n_steps = self.x.shape[:2]
        size = max(1, CHUNK_ROWS // max(1, n_samples))
        for start in range(0, n_steps, size):
            where = slice(start, min(start + size, n_steps))
            yield where, Batch(self.x[:, where], None if self.mask is None else self.mask[:, where])


def batch_of(input: Any, mask: Any, n_in: int, backwards: bool, who: str) -> Batch:
    """Return a call's arguments, checked; a mask without a masked step is none.

    Raises
    ------
    ShapeError
        If the input is not (N, T, n_in).
    DataError
        If the mask is not (N, T).
    """
    if input.ndim != 3 or input.shape[2] != n_in:
        raise ShapeError(f"{who} needs sequences of shape (N, T, {n_in}), got {input.shape}")
    real = None
    if mask is not None:
        real = np.asarray(mask, bool)
        if real.shape != input.shape[:2]:
            raise DataError(f"{who}: the mask has shape {real.shape}, the input {input.shape}")
        real = None if real.all() else real
    if not backwards:
        return Batch(input, real)
    return Batch(input[:, ::-1], None if real is None else real[:, ::-1])
