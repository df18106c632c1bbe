"""Gradients of x W + b + h U in one go: panels of the output's gradient are packed once for all of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from npdl_numba.compiled.jit import jit
from npdl_numba.compiled.products import (
    BLOCK_DEPTH,
    multiply_add,
    pack_columns,
    pack_panel,
    share,
    times_panel,
)
from npdl_numba.compiled.sums import accumulate
from npdl_numba.compiled.tiles import LANES, WIDTH, n_panels

__all__ = ["work"]

BLOCK_PANELS = 16
"""Panels that stay in the second-level cache."""

SCRATCH = 8
"""What is packed at a time is at most this part of the output's gradient, unless one panel is more."""

GROUP = 16
"""Rows of the result that run over all these panels before the next ones."""


@jit
def _pack(delta: Any, left: int, panels: Any, db: Any) -> None:
    """Pack columns of delta (K, F) from ``left`` on, row by row, and add their sums to ``db``."""
    depth, width = len(delta), len(db)
    for p in range(panels.shape[0]):
        wide = min(WIDTH, width - p * WIDTH)
        at = delta.ctypes.data + 4 * (left + p * WIDTH)
        pack_panel(at, delta.strides[0] // 4, wide, depth, panels[p].ctypes.data)
        for k in range(depth):
            accumulate(db[p * WIDTH : p * WIDTH + wide], panels[p, k])


@jit
def _multiply(
    rows: Any, panels: Any, wide: int, further: bool, blocks: Any, edges: Any, out: Any, left: int
) -> None:
    """Write the products of columns of rows (K, M) and panels to ``out`` (M, F) from column ``left`` on.

    With ``further`` they are added to what is there.
    """
    (depth, n_rows), apart = rows.shape, out.shape[1]
    for m in range(0, n_rows, GROUP):
        high = min(GROUP, n_rows - m)
        pack_columns(rows.ctypes.data + 4 * m, n_rows, high, depth, blocks.ctypes.data)
        for p in range(panels.shape[0]):
            target = out.ctypes.data + 4 * (m * apart + left + p * WIDTH)
            start, start_row = (target, apart) if further else (0, 0)
            times_panel(
                blocks.ctypes.data, 1, 8, 8 * depth, high,
                panels[p].ctypes.data, WIDTH, min(WIDTH, wide - p * WIDTH),
                target, apart, start, start_row, edges.ctypes.data, depth,
            )  # fmt: skip


@jit
def _columns(delta: Any, x: Any, h: Any, dW: Any, dU: Any, db: Any, left: int, right: int) -> None:
    """Write columns ``left`` to ``right`` of the weights' gradients, summed in the order of rows."""
    longest = min(BLOCK_DEPTH, len(delta))
    panels = np.empty((n_panels(right - left), longest, WIDTH), np.float32)
    blocks, edges = np.empty(GROUP * longest, np.float32), np.empty(GROUP * LANES, np.float32)
    db[left:right] = 0
    for k in range(0, len(delta), BLOCK_DEPTH):
        end = min(k + BLOCK_DEPTH, len(delta))
        _pack(delta[k:end], left, panels, db[left:right])
        _multiply(x[k:end], panels, right - left, k > 0, blocks, edges, dW, left)
        _multiply(h[k:end], panels, right - left, k > 0, blocks, edges, dU, left)


@jit
def work(
    delta: Any,
    x: Any,
    h: Any,
    W: Any,
    dW: Any,
    dU: Any,
    db: Any,
    passed: bool,
    dx: Any,
    n_parts: int,
    first: int,
    last: int,
) -> None:
    """Do parts ``first`` to ``last`` of all gradients.

    Parameters
    ----------
    delta : ndarray (M, F)
        Gradient of the sum.
    x, h : ndarray (M, D), (M, H)
        What was multiplied with the weights.
    W : ndarray (D, F)
        Input weights.
    dW, dU, db : ndarray (D, F), (H, F), (F,)
        Where to write gradients.
    passed : bool
        Whether ``dx`` is asked for.
    dx : ndarray (M, D)
        Where to write that of x.
    n_parts, first, last : int
        How many parts there are, and which of them to do.
    """
    n_rows, width = delta.shape
    most = n_rows * width // (SCRATCH * n_parts * BLOCK_DEPTH * WIDTH)
    block = max(1, min(BLOCK_PANELS, most)) * WIDTH
    for part in range(first, last):
        left, right = share(width, LANES, part, n_parts)
        for begin in range(left, right, block):
            _columns(delta, x, h, dW, dU, db, begin, min(begin + block, right))
        low, high = share(n_rows, 8, part, n_parts)
        if passed and high > low:
            multiply_add(
                delta[low:].ctypes.data, width, 1, W.ctypes.data, 1, width,
                dx[low:].ctypes.data, dx.shape[1], 0, high - low, dx.shape[1], width,
            )  # fmt: skip
