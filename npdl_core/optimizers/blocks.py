"""Arrays in cache-sized pieces, so that all passes over a piece find it in cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["BLOCK", "Scratch", "blocks"]

BLOCK = 65_536
"""How many numbers a piece has at most."""


def blocks(arrays: Sequence[NDArray[Any]]) -> Iterator[Sequence[NDArray[Any]]]:
    """Yield matching views of arrays of one shape, each of at most :data:`BLOCK` numbers, in order.

    Examples
    --------
    >>> import numpy as np
    >>> [piece.shape for piece, _ in blocks([np.zeros((5, 20_000)), np.zeros((5, 20_000))])]
    [(65536,), (34464,)]
    """
    first = arrays[0]
    if first.size <= BLOCK:
        yield arrays
    elif all(array.flags.c_contiguous for array in arrays):
        flats = [array.reshape(-1) for array in arrays]
        for start in range(0, first.size, BLOCK):
            piece = slice(start, start + BLOCK)
            yield [flat[piece] for flat in flats]
    else:
        rows = max(BLOCK * len(first) // first.size, 1)
        for start in range(0, len(first), rows):
            index: Any = start if first.size > BLOCK * len(first) else slice(start, start + rows)
            yield from blocks([array[index] for array in arrays])


class Scratch:
    """Arrays to compute in: ``count`` of them, no larger than a block, made once for each dtype."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._rows: dict[np.dtype[Any], list[NDArray[Any]]] = {}
        self._last: list[NDArray[Any]] = []

    def like(self, block: NDArray[Any]) -> list[NDArray[Any]]:
        """Return arrays of the shape and dtype of a block; their contents are left over from the last use."""
        last = self._last
        if last and last[0].shape == block.shape and last[0].dtype == block.dtype:
            return last
        rows = self._rows.get(block.dtype)
        if rows is None:
            rows = self._rows[block.dtype] = list(np.empty((self.count, BLOCK), block.dtype))
        self._last = [row[: block.size].reshape(block.shape) for row in rows]
        return self._last

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle without the contents."""
        return Scratch, (self.count,)
