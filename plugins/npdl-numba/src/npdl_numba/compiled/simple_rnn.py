"""The plain recurrent network over a sequence, for some of a batch's rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from npdl_numba.compiled.gates import PAD, blend, load_rows, take_passed, tanh
from npdl_numba.compiled.jit import jit
from npdl_numba.compiled.sums import accumulate
from npdl_numba.compiled.tiles import WIDTH, multiply

__all__ = ["backward", "cell", "forward"]

_f = np.float32


@jit(distinct=True)
def cell(z: Any, product: Any, h: Any) -> None:
    """Write tanh of z + product into both z and h, (H,)."""
    for j in range(len(h)):
        y = tanh(z[j] + product[j])
        z[j] = y
        h[j] = y


@jit(distinct=True)
def _cell_backward(z: Any, dh: Any, dz: Any, delta: Any) -> None:
    """Write the pre-activation's gradient into dz and into scratch."""
    for j in range(len(dh)):
        d = (_f(1.0) - z[j] * z[j]) * dh[j]
        dz[j] = d
        delta[j] = d


@jit
def forward(
    z: Any, panels: Any, h: Any, mask: Any, masked: bool, reset: bool, first_row: int, last_row: int
) -> None:
    """Run rows ``first_row`` to ``last_row``; ``panels`` holds U, the rest is as of the reference."""
    n_rows, n_hidden = last_row - first_row, h.shape[2]
    state = np.empty((n_rows, n_hidden + PAD), np.float32)
    product = np.empty((n_rows, panels.shape[0] * WIDTH + PAD), np.float32)
    for t in range(z.shape[0]):
        load_rows(h[t], first_row, state)
        multiply(state.ctypes.data, state.shape[1], 1, n_rows, panels, product)
        for n in range(n_rows):
            row = first_row + n
            cell(z[t, row], product[n], h[t + 1, row])
            if masked:
                blend(h[t + 1, row], h[t, row], mask[t, row, 0], reset)


@jit
def backward(
    z: Any,
    panels: Any,
    dh: Any,
    dz: Any,
    mask: Any,
    masked: bool,
    reset: bool,
    first: int,
    first_row: int,
    last_row: int,
) -> None:
    """Back-propagate through rows down to step ``first``; ``panels`` holds the transpose of U."""
    n_rows, n_hidden = last_row - first_row, dh.shape[2]
    delta = np.empty((n_rows, n_hidden + PAD), np.float32)
    product = np.empty((n_rows, panels.shape[0] * WIDTH + PAD), np.float32)
    passed = np.zeros((n_rows, n_hidden), np.float32)
    for t in range(z.shape[0] - 1, first - 1, -1):
        for n in range(n_rows):
            row = first_row + n
            if masked:
                take_passed(dh[t + 1, row], passed[n], mask[t, row, 0], reset)
            _cell_backward(z[t, row], dh[t + 1, row], dz[t, row], delta[n])
        multiply(delta.ctypes.data, delta.shape[1], 1, n_rows, panels, product)
        for n in range(n_rows):
            accumulate(dh[t, first_row + n], product[n])
            if masked:
                accumulate(dh[t, first_row + n], passed[n])
