"""Gradients of convolutions of images, by the same tiles: a few images at a time, one thread's work."""

from __future__ import annotations

from typing import Any

import numpy as np

from npdl_numba.compiled.convolution import SLACK, frame, keep, scratch, windows, write_places
from npdl_numba.compiled.jit import jit
from npdl_numba.compiled.moves import move_1, move_8
from npdl_numba.compiled.shares import take
from npdl_numba.compiled.sums import accumulate
from npdl_numba.compiled.windows import ROWS, tile, width

__all__ = ["backward", "sum_panels"]

_BAND = 1 << 16
"""Numbers of an image and its gradients that stay in cache while gradients of filters are summed."""


@jit(distinct=True)
def _frame_sum(
    images: Any,
    outputs: Any,
    rectifies: bool,
    first: int,
    last: int,
    top: int,
    left: int,
    framed: Any,
    sums: Any,
) -> None:
    """Copy gradients (N, H, W·F) into zeros, where outputs are positive if it ``rectifies``; add up rows."""
    zero, n_numbers = np.float32(0), images.shape[2]
    for n in range(first, last):
        for y in range(images.shape[1]):
            row, output = images[n, y], outputs[n, y]
            target = framed[n - first, top + y][left : left + n_numbers]
            if rectifies:
                for i in range(n_numbers):
                    target[i] = row[i] if output[i] > 0 else zero
            else:
                for i in range(n_numbers):
                    target[i] = row[i]
            for i in range(n_numbers):
                sums[i] += target[i]


@jit
def _across(
    delta: int,
    places: Any,
    grid: tuple[int, ...],
    kernel: tuple[int, ...],
    panels: Any,
    start: Any,
    dx: Any,
    few: Any,
) -> None:
    """Write gradients of images (at most ROWS, H, W, C), one pixel of all of them after the other.

    So the windows of a tile reach beyond the gradients at the same side, and nothing is multiplied by zero.
    ``grid`` is (rows of gradients, gradients of a row, rows before them that windows begin, pixels before
    them), ``kernel`` (k_h, k_w, F, d_h).
    """
    (n_down, n_along, above, before), (k_h, k_w, f, d_h) = grid, kernel
    count, height, across, c = dx.shape
    image = height * across * c
    column, panel = 0, panels.ctypes.data
    while column < c:
        wide = width(c - column)
        live = min(wide, c - column)
        for y in range(height):
            low = max(0, (above - y + d_h - 1) // d_h)
            n_rows = min(k_h, (n_down + above - y + d_h - 1) // d_h) - low
            for x in range(across):
                left = max(0, before - x)
                n_pixels = min(k_w, n_along + before - x) - left
                at = ((y + low * d_h - above) * n_along + x + left - before) * f
                out = dx.ctypes.data + 4 * ((y * across + x) * c + column)
                tile(
                    wide, delta + 4 * at, places.ctypes.data, d_h * n_along * f, 1,
                    panel + 4 * (low * k_w + left) * f * wide, k_w * f * wide, wide,
                    n_rows, n_pixels * f, start.ctypes.data, 0,
                    out if count == ROWS else few.ctypes.data, image if count == ROWS else wide, live,
                    np.float32(-np.inf),
                )  # fmt: skip
                if count < ROWS:
                    for n in range(count):
                        for i in range(live):
                            dx[n, y, x, column + i] = few[n * wide + i]
        column += wide
        panel += 4 * k_h * k_w * f * wide


@jit
def _filters(
    base: int,
    places: Any,
    steps: tuple[int, int, int],
    delta: int,
    delta_steps: tuple[int, int],
    grid: tuple[int, int, int],
    n_columns: int,
    zeros: Any,
    total: Any,
) -> None:
    """Write the gradient of the filters by some images to ``total``, panels of (rows, width) numbers.

    ``steps`` are how many numbers images, rows and windows lie apart, ``delta_steps`` the same of gradients'
    images and rows; ``grid`` is (images, rows, windows of a row). Sums start from ``zeros``, or go on from
    ``total`` where that is empty.
    """
    (image, down, along), (delta_image, delta_row), (n_images, n_down, n_along) = steps, delta_steps, grid
    n_rows = len(places)
    band = max(1, _BAND // (delta_row + down))
    for n in range(n_images):
        for y in range(0, n_down, band):
            x_at = base + 4 * (n * image + y * down)
            column, panel = 0, total.ctypes.data
            begins = n == 0 and y == 0 and zeros.size > 0
            while column < n_columns:
                wide = width(n_columns - column)
                delta_at = delta + 4 * (n * delta_image + y * delta_row + column)
                for row in range(0, n_rows, ROWS):
                    out = panel + 4 * row * wide
                    tile(
                        wide, x_at, places.ctypes.data + 8 * row, down, along, delta_at, delta_row, n_columns,
                        min(band, n_down - y), n_along, zeros.ctypes.data if begins else out,
                        0 if begins else wide, out, wide, wide, np.float32(-np.inf),
                    )  # fmt: skip
                column += wide
                panel += 4 * n_rows * wide


@jit
def _inputs(
    delta: int,
    places: Any,
    frame: tuple[int, int],
    sizes: tuple[int, ...],
    outputs: tuple[int, int, int],
    by_pixels: bool,
    turned: Any,
    zeros: Any,
    dx: Any,
    few: Any,
) -> None:
    """Write gradients of images (H, W, C), from gradients (rows, columns, F) in their frame."""
    k_h, k_w, _, _, d_h, top, left = sizes[:7]
    count, height, across, _ = dx.shape
    (rows, columns), (n_down, n_along, f) = frame, outputs
    above, before = (k_h - 1) * d_h - top, k_w - 1 - left
    if by_pixels:
        write_places(places, 1, 0, 1, count, 0, n_down * n_along * f)
        grid, kernel = (n_down, n_along, above, before), (k_h, k_w, f, d_h)
        _across(delta, places, grid, kernel, turned, zeros, dx, few)
    else:
        write_places(places, count, rows * columns * f, height, across, columns * f, f)
        windows(
            delta, places, (count, height, across, 1, above, n_down), (k_h, k_w * f, d_h, columns * f),
            turned, zeros, np.float32(-np.inf), dx, few,
        )  # fmt: skip


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
    by_pixels: bool,
    per_block: int,
    taken: Any,
    first: int,
    last: int,
) -> None:
    """Write the gradients of parts of a batch that nobody has taken; an array without numbers is not wanted.

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
        Receives each part's sums as panels of F, their rows filled up to whole tiles.
    db : ndarray (parts, F)
        Zeros; each part's sums are added to it.
    by_pixels : bool
        Whether to compute dx for one pixel of all images of a block after the other; they are at most ROWS.
    per_block : int
        How many images are worked on at a time.
    taken : ndarray of int64 (1,)
        Counts the parts that were taken.
    first, last : int
        Numbers of this call among others at the same time.
    """
    k_h, k_w, s_h, s_w, d_h, top, left, h_p, w_p, c = sizes
    n_parts, f = db.shape
    (n_images, height, run), (_, n_down, n_run) = x.shape, dy.shape
    across, n_along, row = run // c, n_run // f, w_p * c
    framed = (h_p != height or row != run) and dW.size > 0
    wide = scratch(per_block * h_p * row if framed else 0)
    few = scratch(ROWS * c + SLACK)
    # Around the gradients there is room for windows that begin before them, unless it goes without.
    margins = dx.size > 0 and not by_pixels
    rows, columns = (height + (k_h - 1) * d_h, across + k_w - 1) if margins else (n_down, n_along)
    down, first_number = ((k_h - 1) * d_h - top, (k_w - 1 - left) * f) if margins else (0, 0)
    delta_flat = scratch(per_block * rows * columns * f + SLACK)
    delta = delta_flat[: per_block * rows * columns * f].reshape(per_block, rows, columns * f)
    inner = delta_flat.ctypes.data + 4 * (down * columns * f + first_number)
    filter_places = np.empty((k_h * k_w * c + ROWS - 1) // ROWS * ROWS, np.int64)
    write_places(filter_places, 1, 0, k_h, k_w * c, d_h * row, 1)
    places = np.empty(max(ROWS, per_block * height * across), np.int64)
    while True:
        part = take(taken)
        if part >= n_parts:
            break
        begin, end = n_images * part // n_parts, n_images * (part + 1) // n_parts
        sums = np.zeros(n_run, np.float32)
        for low in range(begin, end, per_block):
            high = min(end, low + per_block)
            _frame_sum(dy, rectified, rectifies, low, high, down, first_number, delta, sums)
            if dx.size:
                _inputs(
                    delta_flat.ctypes.data, places, (rows, columns), sizes, (n_down, n_along, f), by_pixels,
                    turned, zeros, dx[low:high], few,
                )  # fmt: skip
            if dW.size:
                base = x.ctypes.data + 4 * low * h_p * row
                if framed:
                    frame(x, low, high, top, left * c, wide.reshape(per_block, h_p, row))
                    base = wide.ctypes.data
                _filters(
                    base, filter_places, (h_p * row, s_h * row, s_w * c), inner,
                    (rows * columns * f, columns * f), (high - low, n_down, n_along), f,
                    zeros if low == begin else zeros[:0], dW[part],
                )  # fmt: skip
        for i in range(n_run):
            db[part, i % f] += sums[i]
    keep(wide)
    keep(delta_flat)


@jit
def sum_panels(parts: Any, n_rows: int, total: Any) -> None:
    """Write the sums over parts, in their order, of gradients as panels into ``total`` (K, F)."""
    depth, n_columns = total.shape
    sums = parts[0]
    for part in range(1, len(parts)):
        accumulate(sums, parts[part])
    source, column = sums.ctypes.data, 0
    while column < n_columns:
        wide = width(n_columns - column)
        live = min(wide, n_columns - column)
        for k in range(depth):
            row, target = source + 4 * k * wide, total.ctypes.data + 4 * (k * n_columns + column)
            for c in range(0, live // 8 * 8, 8):
                move_8(row + 4 * c, target + 4 * c)
            for c in range(live // 8 * 8, live):
                move_1(row + 4 * c, target + 4 * c)
        column += wide
        source += 4 * n_rows * wide
