"""Convolution of images by tiles of windows: a few images at a time, one thread's work.

All sizes of a call come in one tuple ``sizes``: (k_h, k_w) of the filters, (s_h, s_w) strides, d_h the
distance of a filter's rows, (top, left) the margins before the image, (h_p, w_p) its size with all margins,
and C channels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from npdl_numba.compiled.jit import jit
from npdl_numba.compiled.shares import take
from npdl_numba.compiled.windows import ROWS, tile, width

__all__ = ["SLACK", "forward", "frame", "keep", "scratch", "windows", "write_places"]

SLACK = 64
"""Numbers behind an image of gradients, or biases, that tiles read and nobody uses."""


@jit
def scratch(size: int) -> Any:
    """Return zeros that begin on a cache line."""
    array = np.zeros(size + 16, np.float32)
    first = (-(array.ctypes.data >> 2)) & 15
    return array[first : first + size]


@jit
def keep(array: Any) -> None:
    """Do nothing with an array: compiled code frees what it does not use any more, and knows no addresses."""
    array[:0] = 0


@jit
def write_places(
    places: Any, count: int, image: int, n_down: int, n_along: int, down: int, along: int
) -> None:
    """Write where windows begin: along rows, rows of an image, images; what is left over is 0."""
    place = 0
    for n in range(count):
        for y in range(n_down):
            for x in range(n_along):
                places[place] = n * image + y * down + x * along
                place += 1
    places[place:] = 0


@jit(distinct=True)
def frame(images: Any, first: int, last: int, top: int, left: int, framed: Any) -> None:
    """Copy images (N, H, W·C) into zeros, ``left`` numbers in and ``top`` rows down."""
    n_numbers = images.shape[2]
    for n in range(first, last):
        for y in range(images.shape[1]):
            row, target = images[n, y], framed[n - first, top + y][left : left + n_numbers]
            for i in range(n_numbers):
                target[i] = row[i]


@jit
def _multiply(
    left: int,
    places: Any,
    grid: tuple[int, ...],
    kernel: tuple[int, ...],
    panels: Any,
    start: Any,
    floor: float,
    out: int,
    n_columns: int,
) -> None:
    """Write the products of all windows of some images with the filters; rows of zeros are passed over.

    ``grid`` is (images, rows of windows, windows of a row, rows from one window to the next, top, height):
    where in the framed images real rows are. ``kernel`` is (k_h, numbers of a window's row, d_h, numbers
    between rows of the images).
    """
    n_images, n_down, n_along, stride, top, height = grid
    n_rows, n_run, dilation, down = kernel
    n_windows, per_image = n_images * n_down * n_along, n_down * n_along
    column, panel = 0, panels.ctypes.data
    while column < n_columns:
        wide = width(n_columns - column)
        live = min(wide, n_columns - column)
        for window in range(0, n_windows, ROWS):
            at = max(0, min(window, n_windows - ROWS))
            end = at + ROWS - 1
            low, high = 0, n_rows
            if at // per_image == end // per_image:
                upper = at % per_image // n_along * stride
                lower = end % per_image // n_along * stride
                low = max(0, (top - lower + dilation - 1) // dilation)
                high = max(low, min(n_rows, (top + height - upper + dilation - 1) // dilation))
            tile(
                wide,
                left + 4 * low * dilation * down,
                places.ctypes.data + 8 * at,
                dilation * down,
                1,
                panel + 4 * low * n_run * wide,
                n_run * wide,
                wide,
                high - low,
                n_run,
                start.ctypes.data + 4 * column,
                0,
                out + 4 * (at * n_columns + column),
                n_columns,
                live,
                floor,
            )
        column += wide
        panel += 4 * n_rows * n_run * wide


@jit
def windows(
    left: int,
    places: Any,
    grid: tuple[int, ...],
    kernel: tuple[int, ...],
    panels: Any,
    start: Any,
    floor: float,
    out: Any,
    few: Any,
) -> None:
    """Write products into ``out`` (images, H, W, F): by way of ``few`` where they do not make up a tile."""
    enough = grid[0] * grid[1] * grid[2] >= ROWS
    target = out.ctypes.data if enough else few.ctypes.data
    _multiply(left, places, grid, kernel, panels, start, floor, target, out.shape[3])
    if not enough:
        flat = out.reshape(out.size)
        for i in range(out.size):
            flat[i] = few[i]


@jit
def forward(
    x: Any,
    sizes: tuple[int, ...],
    panels: Any,
    bias: Any,
    floor: float,
    out: Any,
    per_block: int,
    taken: Any,
    first: int,
    last: int,
) -> None:
    """Write the convolution of blocks of images, as long as there are any that nobody has taken.

    Parameters
    ----------
    x : ndarray (N, H, W·C)
        Images.
    sizes : tuple of int
        See above.
    panels : ndarray
        Filters (k_h·k_w·C, F), packed.
    bias : ndarray (F + SLACK,)
        What sums start from.
    floor : float
        0 for the rectifier, else minus infinity.
    out : ndarray (N, O_h, O_w, F)
        Receives the result.
    per_block : int
        Images of a block.
    taken : ndarray of int64 (1,)
        Counts the blocks that were taken.
    first, last : int
        Numbers of this call among others at the same time.
    """
    k_h, k_w, s_h, s_w, d_h, top, left, h_p, w_p, c = sizes
    n_images, height, run = x.shape
    _, n_down, n_along, n_filters = out.shape
    row = w_p * c
    framed = h_p != height or row != run
    wide = scratch(per_block * h_p * row if framed else 0)
    few = scratch(ROWS * n_filters + SLACK)
    places = np.empty(max(ROWS, per_block * n_down * n_along), np.int64)
    known = 0
    while True:
        low = take(taken) * per_block
        if low >= n_images:
            break
        high = min(n_images, low + per_block)
        if high - low != known:
            known = high - low
            write_places(places, known, h_p * row, n_down, n_along, s_h * row, s_w * c)
        base = x.ctypes.data + 4 * low * h_p * row
        if framed:
            frame(x, low, high, top, left * c, wide.reshape(per_block, h_p, row))
            base = wide.ctypes.data
        grid = (high - low, n_down, n_along, s_h, top, height)
        windows(base, places, grid, (k_h, k_w * c, d_h, row), panels, bias, floor, out[low:high], few)
    keep(wide)
