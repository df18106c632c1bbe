"""Pooling in any number of dimensions: NumPy references over channels-last arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_conv.threads import over_batch

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

    def images(part: slice) -> None:
        _forward(xp[part], kernel, stride, out[part], None if winner is None else winner[part])

    over_batch(len(xp), xp.size, images)
    return out


def _forward(xp: Array, kernel: Sizes, stride: Sizes, out: Array, winner: Array | None) -> None:
    sizes = out.shape[1:-1]
    for index, offset in enumerate(np.ndindex(*kernel)):
        entry = xp[windows_at(offset, sizes, stride)]
        if index == 0:
            out[...] = entry
            if winner is not None:
                winner[...] = 0
            continue
        if winner is not None:
            # Indices grow, so the last that was larger than all before is the largest: no masked copies.
            larger = (entry > out).view(np.uint8)
            np.maximum(winner, np.multiply(larger, index, dtype=winner.dtype), out=winner)
        np.maximum(out, entry, out=out)


def max_pooling_backward(dy: Array, winner: Array, kernel: Sizes, stride: Sizes, dxp: Array) -> Array:
    r"""Write each window's gradient (N, \*O, C) to its winner in ``dxp`` (N, \*S, C)."""

    def images(part: slice) -> None:
        _backward(dy[part], winner[part], kernel, stride, dxp[part])

    over_batch(len(dy), dxp.size, images)
    return dxp


def _backward(dy: Array, winner: Array, kernel: Sizes, stride: Sizes, dxp: Array) -> None:
    sizes = dy.shape[1:-1]
    apart = all(s >= k for s, k in zip(stride, kernel, strict=True))
    if not apart or any(
        s != k or o * s != size for s, k, o, size in zip(stride, kernel, sizes, dxp.shape[1:-1], strict=True)
    ):
        dxp[...] = 0
    for index, offset in enumerate(np.ndindex(*kernel)):
        where = windows_at(offset, sizes, stride)
        if apart:
            np.multiply(dy, winner == index, out=dxp[where])
        else:
            dxp[where] += dy * (winner == index)
