"""Losses of rows together with their gradients, in pieces of rows that stay in cache."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["squared_error"]

PIECE = 1 << 16
"""How many numbers a piece has at most, unless one row has more."""


def _pieces(rows: NDArray[Any]) -> Iterator[slice]:
    """Yield slices that cover rows (M, K)."""
    n_rows, n_columns = rows.shape
    size = max(1, PIECE // n_columns)
    for start in range(0, n_rows, size):
        yield slice(start, start + size)


def squared_error(
    outputs: NDArray[Any],
    targets: NDArray[Any],
    scale: float,
    losses: NDArray[Any],
    grads: NDArray[Any],
) -> None:
    r"""Write :math:`l = \tfrac12 \sum_k (p_k - t_k)^2` of each row, and :math:`s (p - t)`.

    Parameters
    ----------
    outputs, targets : ndarray (M, K)
        p and t.
    scale : float
        s, what the gradient is multiplied by.
    losses : ndarray (M,)
        Where to write l.
    grads : ndarray (M, K)
        Where to write the gradient.
    """
    for piece in _pieces(outputs):
        difference = np.subtract(outputs[piece], targets[piece], out=grads[piece])
        np.vecdot(difference, difference, out=losses[piece])
        if scale != 1:
            difference *= scale
    losses *= 0.5
