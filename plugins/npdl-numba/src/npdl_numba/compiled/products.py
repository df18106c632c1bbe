"""Products of whole matrices from register tiles, with any factor transposed, blocked for the caches.

K is cut into blocks, whose sums go on from what the result holds; so each number of a product is a sum in
the order of K, from the bias if there is one, whatever the blocks, tiles and shares are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from npdl_numba.compiled.jit import jit
from npdl_numba.compiled.moves import move_1, move_8, move_16, transpose_16, zero_16
from npdl_numba.compiled.tiles import LANES, WIDTH, strip

__all__ = ["BLOCK_DEPTH", "FEW_ROWS", "multiply_add", "pack_columns", "pack_panel", "share", "times_panel"]

BLOCK_DEPTH = 256
"""Steps along K whose panel and rows stay in the nearest caches."""

BLOCK_ROWS = 512
"""Rows that a packed panel serves before the next one is packed."""

FEW_ROWS = 32
"""Up to so many rows a panel is read where it lies: packing it would not pay."""


@jit
def share(n: int, unit: int, part: int, n_parts: int) -> Any:
    """Return first and last of the so many-th part of ``n``, in whole units but for the end."""
    units = (n + unit - 1) // unit
    return min(n, unit * (units * part // n_parts)), min(n, unit * (units * (part + 1) // n_parts))


@jit
def pack_columns(left: int, step: int, n_rows: int, depth: int, target: int) -> None:
    """Copy a transposed left factor, whose rows lie side by side, into blocks (K, 8)."""
    for r in range(0, n_rows, 8):
        live = min(8, n_rows - r)
        place = target + 4 * r * depth
        if live == 8:
            for k in range(depth):
                move_8(left + 4 * (r + k * step), place + 32 * k)
        else:
            for k in range(depth):
                for c in range(live):
                    move_1(left + 4 * (r + k * step + c), place + 4 * (8 * k + c))


@jit
def pack_panel(right: int, row: int, width: int, depth: int, panel: int) -> None:
    """Copy ``width`` columns of a right factor (K, F) into a panel (K, WIDTH)."""
    whole = width // LANES * LANES
    for k in range(depth):
        source, place = right + 4 * k * row, panel + 4 * k * WIDTH
        for c in range(0, whole, LANES):
            move_16(source + 4 * c, place + 4 * c)
        if whole < width:
            zero_16(place + 4 * whole)
            for c in range(whole, width):
                move_1(source + 4 * c, place + 4 * c)


@jit
def _pack_panel_transposed(right: int, column: int, width: int, depth: int, panel: int) -> None:
    """Copy ``width`` columns, each without gaps, of a right factor (K, F) into a panel (K, WIDTH)."""
    for c in range(0, width, LANES):
        live = min(LANES, width - c)
        k = 0
        while live == LANES and k + LANES <= depth:
            transpose_16(right + 4 * (c * column + k), column, panel + 4 * (k * WIDTH + c), WIDTH)
            k += LANES
        for rest in range(k, depth):
            place = panel + 4 * (rest * WIDTH + c)
            if live < LANES:
                zero_16(place)
            for j in range(live):
                move_1(right + 4 * ((c + j) * column + rest), place + 4 * j)


@jit
def _move_live(source: int, source_row: int, target: int, target_row: int, n_rows: int, live: int) -> None:
    """Copy the first columns of some rows."""
    for r in range(n_rows):
        for c in range(live):
            move_1(source + 4 * (r * source_row + c), target + 4 * (r * target_row + c))


@jit
def times_panel(
    left: int,
    row: int,
    step: int,
    tall: int,
    n_rows: int,
    panel: int,
    panel_row: int,
    wide: int,
    out: int,
    out_row: int,
    start: int,
    start_row: int,
    scratch: int,
    depth: int,
) -> None:
    """Write the product of some rows and the first ``wide`` columns of a panel; see :func:`strip`.

    ``scratch`` is the address of LANES numbers for each row: by way of it go columns that fill no vector.
    """
    piece = WIDTH if wide == WIDTH else LANES
    for j in range(0, wide, piece):
        ragged = j + piece > wide
        begin, begin_row, end, end_row = start + 4 * j if start else 0, start_row, out + 4 * j, out_row
        if ragged:
            end, end_row = scratch, LANES
            if begin:
                _move_live(begin, begin_row, scratch, LANES, n_rows, wide - j)
                begin, begin_row = scratch, LANES
        strip(
            left, row, step, tall, n_rows, panel + 4 * j, panel_row, piece == WIDTH,
            end, end_row, begin, begin_row, depth,
        )  # fmt: skip
        if ragged:
            _move_live(scratch, LANES, out + 4 * j, out_row, n_rows, wide - j)


@jit
def multiply_add(
    left: int,
    row: int,
    step: int,
    right: int,
    right_row: int,
    right_column: int,
    out: int,
    out_row: int,
    bias: int,
    n_rows: int,
    n_columns: int,
    depth: int,
) -> None:
    """Write the product of matrices (M, K) and (K, F), plus a bias (F,), into ``out`` (M, F).

    Parameters
    ----------
    left, right, out : int
        Addresses of their first numbers.
    row, step : int
        How many numbers the left factor's rows and columns lie apart; one of them is 1.
    right_row, right_column : int
        The same of the right factor.
    out_row : int
        How many numbers the rows of ``out`` lie apart.
    bias : int
        Address of the bias, 0 for none.
    n_rows, n_columns, depth : int
        M, F and K.
    """
    longest, tallest = min(depth, BLOCK_DEPTH), min(n_rows, BLOCK_ROWS)
    packed = n_columns > WIDTH and step != 1
    blocks = np.empty((tallest + 7) // 8 * 8 * longest if packed else 0, np.float32)
    panels, edges = np.empty(longest * WIDTH, np.float32), np.empty(tallest * LANES, np.float32)
    for m in range(0, n_rows, BLOCK_ROWS):
        panel, scratch = panels.ctypes.data, edges.ctypes.data  # asked for here, they are not freed before
        high = min(BLOCK_ROWS, n_rows - m)
        for k in range(0, depth, BLOCK_DEPTH):
            long = min(BLOCK_DEPTH, depth - k)
            a, a_row, a_step, a_tall = left + 4 * (m * row + k * step), row, step, 8 * row
            if packed:
                pack_columns(a, step, high, long, blocks.ctypes.data)
                a, a_row, a_step, a_tall = blocks.ctypes.data, 1, 8, 8 * long
            for c in range(0, n_columns, WIDTH):
                wide = min(WIDTH, n_columns - c)
                b, b_row = right + 4 * (k * right_row + c * right_column), right_row
                if right_column != 1:
                    _pack_panel_transposed(b, right_column, wide, long, panel)
                    b, b_row = panel, WIDTH
                elif wide < WIDTH or high > FEW_ROWS:
                    pack_panel(b, b_row, wide, long, panel)
                    b, b_row = panel, WIDTH
                target = out + 4 * (m * out_row + c)
                start, start_row = (target, out_row) if k else (bias + 4 * c if bias else 0, 0)
                times_panel(
                    a, a_row, a_step, a_tall, high, b, b_row, wide,
                    target, out_row, start, start_row, scratch, long,
                )  # fmt: skip
