"""Pooling in any number of dimensions: NumPy references over channels-last arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["max_pooling_backward", "max_pooling_forward", "windows_at"]

Array = NDArray[Any]
Sizes = tuple[int, ...]


def windows_at(offset: Sizes, out_sizes: Sizes, stride: Sizes) -> tuple[slice, ...]:
    r"""Return the index of the entry at ``offset`` of every window of an array (N, \*S, C)."""
    inner = (slice(k, k + (o - 1) * s + 1, s) for k, o, s in zip(offset, out_sizes, stride, strict=True))
    return (slice(None), *inner, slice(None))


def max_pooling_forward(xp: Array, kernel: Sizes, stride: Sizes, out: Array, winner: Array | None) -> Array:
    r"""Write :math:`y_{n,o,c} = \max_k x_{n,\,o s + k,\,c}` into ``out``.

    Parameters
    ----------
    xp : ndarray (N, \*S, C)
        Input, padded with minus infinity.
    kernel, stride : tuples of int
        One entry a spatial axis.
    out : ndarray (N, \*O, C)
        Where to write; returned.
    winner : ndarray of int (N, \*O, C) or None
        Receives the flat offset in the window of the first of tied maxima.
    """
    sizes = out.shape[1:-1]
    for index, offset in enumerate(np.ndindex(*kernel)):
        entry = xp[windows_at(offset, sizes, stride)]
        if index == 0:
            out[...] = entry
            if winner is not None:
                winner[...] = 0
        elif winner is None:
            np.maximum(out, entry, out=out)
        else:
            larger = entry > out
            np.copyto(out, entry, where=larger)
            np.copyto(winner, index, where=larger)
    return out


def max_pooling_backward(dy: Array, winner: Array, kernel: Sizes, stride: Sizes, dxp: Array) -> Array:
    r"""Add each window's gradient ``dy`` (N, \*O, C) to the entry that won; returns ``dxp`` (N, \*S, C)."""
    dxp[...] = 0
    for index, offset in enumerate(np.ndindex(*kernel)):
        dxp[windows_at(offset, dy.shape[1:-1], stride)] += dy * (winner == index)
    return dxp
