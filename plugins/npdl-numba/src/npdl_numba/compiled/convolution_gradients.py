"""Gradients of convolutions of images, by the same tiles: a few images at a time, one thread's work."""

from __future__ import annotations

from typing import Any

import numpy as np

from npdl_numba.compiled.convolution import SLACK, frame, keep, scratch, windows, write_places
from npdl_numba.compiled.jit import jit
from npdl_numba.compiled.windows import ROWS, tile, width

__all__ = ["backward", "sum_panels"]

_BAND = 1 << 16
"""Numbers of an image and its gradients that stay in cache while gradients of filters are summed."""


@jit(distinct=True)
def _frame_rectified(
    images: Any, outputs: Any, first: int, last: int, top: int, left: int, framed: Any
) -> None:
    """Do so with what lies where outputs are positive."""
    for n in range(first, last):
        for y in range(images.shape[1]):
            row, output, target = images[n, y], outputs[n, y], framed[n - first, top + y]
            for i in range(len(row)):
                target[left + i] = row[i] if output[i] > 0 else np.float32(0)


@jit(distinct=True)
def _add_up(framed: Any, count: int, top: int, left: int, n_down: int, n_along: int, total: Any) -> None:
    """Add the sums of framed images over everything but the channels to ``total``, image by image."""
    n_channels = len(total)
    image = np.empty(n_channels, np.float32)
    for n in range(count):
        image[:] = 0
        for y in range(top, top + n_down):
            row = framed[n, y]
            for x in range(n_along):
                pixel = row[left + x * n_channels : left + (x + 1) * n_channels]
                for f in range(n_channels):
                    image[f] += pixel[f]
        for f in range(n_channels):
            total[f] += image[f]


@jit
def _filters(
    base: int,
    places: Any,
    image: int,
    down: int,
    along: int,
    delta: int,
    delta_image: int,
    delta_row: int,
    grid: tuple[int, int, int],
    n_columns: int,
    total: Any,
) -> None:
    """Add the gradient of the filters by some images to ``total``, panels of (rows, width) numbers."""
    n_images, n_down, n_along = grid
    n_rows = len(places)
    band = max(1, _BAND // (delta_row + down))
    for n in range(n_images):
        for y in range(0, n_down, band):
            x_at = base + 4 * (n * image + y * down)
            column, panel = 0, total.ctypes.data
            while column < n_columns:
                wide = width(n_columns - column)
                delta_at = delta + 4 * (n * delta_image + y * delta_row + column)
                for row in range(0, n_rows, ROWS):
                    out = panel + 4 * row * wide
                    tile(
                        wide, x_at, places.ctypes.data + 8 * row, down, along, delta_at, delta_row, n_columns,
                        min(band, n_down - y), n_along, out, wide, out, wide, wide, np.float32(-np.inf),
                    )  # fmt: skip
                column += wide
                panel += 4 * n_rows * wide


@jit
def backward(
    x: Any,
    sizes: tuple[int, ...],
    dy: Any,
    rectified: Any,
    rectifies: bool,
    turned: Any,
    zeros: Any,
    dx: Any,
    dW: Any,
    db: Any,
    per_block: int,
    first: int,
    last: int,
) -> None:
    """Write the gradients of some parts of a batch; an array without numbers is not wanted.

    Parameters
    ----------
    x : ndarray (N, H, W·C)
        Images.
    sizes : tuple of int
        See above.
    dy, rectified : ndarray (N, O_h, O_w·F)
        Gradients of the output; if it ``rectifies``, those count where the output ``rectified`` is positive.
    turned : ndarray
        Filters (k_h·k_w·F, C), turned around and packed; used with strides of 1.
    zeros : ndarray (C + SLACK,)
        What sums start from.
    dx : ndarray (N, H, W, C)
        Receives the gradients of the input.
    dW : ndarray (parts, rows · packed columns)
        Zeros; each part's sums are added to it as panels of F, their rows filled up to whole tiles.
    db : ndarray (parts, F)
        Zeros; each part's sums are added to it.
    per_block : int
        How many images are worked on at a time.
    first, last : int
        Which parts.
    """
    k_h, k_w, s_h, s_w, d_h, top, left, h_p, w_p, c = sizes
    n_parts, n_filters = db.shape
    (n_images, height, run), (_, n_down, n_delta) = x.shape, dy.shape
    n_along = n_delta // n_filters
    row = w_p * c
    framed = (h_p != height or row != run) and dW.size > 0
    wide = scratch(per_block * h_p * row if framed else 0)
    few = scratch(ROWS * c + SLACK)
    # Around the gradients there is room for windows that begin before them.
    above = (k_h - 1) * d_h - top if dx.size else 0
    before = k_w - 1 - left if dx.size else 0
    rows, columns = (height + (k_h - 1) * d_h, run // c + k_w - 1) if dx.size else (n_down, n_along)
    delta_row = columns * n_filters
    delta_flat = scratch(per_block * rows * delta_row + SLACK)
    delta = delta_flat[: per_block * rows * delta_row].reshape(per_block, rows, delta_row)
    inside = 4 * (above * delta_row + before * n_filters)
    filter_places = np.zeros((k_h * k_w * c + ROWS - 1) // ROWS * ROWS, np.int64)
    write_places(filter_places, 1, 0, k_h, k_w * c, d_h * row, 1)
    places = np.empty(max(ROWS, per_block * height * (run // c)), np.int64)
    for part in range(first, last):
        begin, end = n_images * part // n_parts, n_images * (part + 1) // n_parts
        for low in range(begin, end, per_block):
            high = min(end, low + per_block)
            count = high - low
            if rectifies:
                _frame_rectified(dy, rectified, low, high, above, before * n_filters, delta)
            else:
                frame(dy, low, high, above, before * n_filters, delta)
            _add_up(delta, count, above, before * n_filters, n_down, n_along, db[part])
            if dx.size:
                write_places(places, count, rows * delta_row, height, run // c, delta_row, n_filters)
                grid = (count, height, run // c, 1, above, n_down)
                kernel = (k_h, k_w * n_filters, d_h, delta_row)
                windows(
                    delta_flat.ctypes.data, places, grid, kernel, turned, zeros, np.float32(-np.inf),
                    dx[low:high], few,
                )  # fmt: skip
            if dW.size:
                base = x.ctypes.data + 4 * low * h_p * row
                if framed:
                    frame(x, low, high, top, left * c, wide.reshape(per_block, h_p, row))
                    base = wide.ctypes.data
                _filters(
                    base, filter_places, h_p * row, s_h * row, s_w * c,
                    delta_flat.ctypes.data + inside, rows * delta_row, delta_row,
                    (count, n_down, n_along), n_filters, dW[part],
                )  # fmt: skip
    keep(wide)
    keep(delta_flat)


@jit
def sum_panels(parts: Any, n_rows: int, total: Any) -> None:
    """Write the sums over parts, in their order, of gradients as panels into ``total`` (K, F)."""
    depth, n_columns = total.shape
    column = place = 0
    while column < n_columns:
        wide = width(n_columns - column)
        live = min(wide, n_columns - column)
        for k in range(depth):
            target = total[k]
            for c in range(live):
                target[column + c] = parts[0, place + k * wide + c]
            for part in range(1, len(parts)):
                row = parts[part]
                for c in range(live):
                    target[column + c] += row[place + k * wide + c]
        column += wide
        place += n_rows * wide
