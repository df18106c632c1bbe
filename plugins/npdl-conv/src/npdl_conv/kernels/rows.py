"""Convolution of images at stride 1 by rows: patches are laid out along the width only.

A strip holds, for every row of the input and every place along the width, the k_w · C entries under a
filter's row. All windows that are u rows further down are the same strips from row u on, so a convolution is
one matrix product for each filter row, on shifted views, and each entry is copied k_w times, not k_h · k_w.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

__all__ = ["backward_by_rows", "convolve_by_rows"]

Array = NDArray[Any]
Pads = tuple[tuple[int, int], ...]

_BLOCK_BYTES = 2**20
"""How many bytes of strips are laid out at a time."""


def _strips(x: Array, k_w: int, out_w: int, around: Pads = ((0, 0), (0, 0))) -> Iterator[tuple[slice, Array]]:
    """Yield blocks of images, zeros ``around`` them, with their strips (N, H · W_o, k_w · C), one buffer."""
    n, *sizes, c = x.shape
    h, w = (size + sum(margin) for size, margin in zip(sizes, around, strict=True))
    size = min(n, max(1, _BLOCK_BYTES // (h * out_w * k_w * c * x.itemsize)))
    buffer = np.empty((size, h, out_w, k_w * c), x.dtype)
    wide = np.zeros((size, h, w, c), x.dtype) if any(map(sum, around)) else None
    inside = tuple(slice(before, before + size) for (before, _), size in zip(around, sizes, strict=True))
    for start in range(0, n, size):
        part = x[start : start + size]
        if wide is not None:
            wide[: len(part), *inside] = part
            part = wide[: len(part)]
        # Entries of neighbouring places lie one behind the other, so a row of a window is one run.
        step = part.strides
        view = as_strided(part, (len(part), h, out_w, k_w * c), (*step[:3], step[3]), writeable=False)
        strips = buffer[: len(part)]
        np.copyto(strips, view)
        yield slice(start, start + len(part)), strips.reshape(len(part), h * out_w, k_w * c)


def _add_products(strips: Array, rows: Array, out: Array) -> None:
    """Write the sum of the products of strips (N, H · W_o, K), u rows down, with rows[u] into ``out``."""
    n_places = out.shape[1]
    step = (strips.shape[1] - n_places) // max(len(rows) - 1, 1)
    part = np.empty_like(out)
    np.matmul(strips[:, :n_places], rows[0], out=out)
    for u in range(1, len(rows)):
        out += np.matmul(strips[:, u * step : u * step + n_places], rows[u], out=part)


def convolve_by_rows(x: Array, W: Array, out: Array, margins: Pads) -> Array:
    """Write the convolution of x (N, H, W, C), zeros around it, with W (k_h, k_w, C, F) into ``out``."""
    (k_h, k_w), (out_h, out_w) = W.shape[:2], out.shape[1:3]
    rows = W.reshape(k_h, k_w * W.shape[2], W.shape[3])
    for block, strips in _strips(x, k_w, out_w, margins):
        _add_products(strips, rows, out[block].reshape(len(strips), out_h * out_w, W.shape[3]))
    return out


def backward_by_rows(
    x: Array, W: Array, dy: Array, dW: Array | None, dx: Array | None, margins: Pads
) -> None:
    """Write the gradients of W and of the input without its margins, from one set of strips of ``dy``.

    The input's gradient is the convolution of a padded ``dy`` with the filters turned around; with the same
    strips S and the input x, the u-th last row of dW is xᵀ S, u rows further down.
    """
    (k_h, k_w, c, f), (_, h, w, _) = W.shape, x.shape
    around = tuple((k - 1 - m[0], k - 1 - m[1]) for k, m in zip((k_h, k_w), margins, strict=True))
    turned = np.ascontiguousarray(W[::-1, ::-1].swapaxes(2, 3)).reshape(k_h, k_w * f, c)
    total = np.zeros((k_h, k_w * f, c), dy.dtype)
    for block, strips in _strips(dy, k_w, w, around):
        entries = np.ascontiguousarray(x[block]).reshape(len(strips), h * w, c)
        if dx is not None:
            _add_products(strips, turned, dx[block].reshape(entries.shape))
        if dW is not None:
            for u in range(k_h):
                shifted = strips[:, u * w : (u + h) * w]
                # The longer side first: BLAS's threads share out the rows of a product.
                total[u] += np.matmul(shifted.transpose(0, 2, 1), entries).sum(axis=0)
    if dW is not None:
        dW[...] = total.reshape(k_h, k_w, f, c)[::-1, ::-1].swapaxes(2, 3)
