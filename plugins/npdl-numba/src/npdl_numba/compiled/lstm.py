"""The LSTM over a sequence, for some of a batch's rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from npdl_numba.compiled.gates import PAD, blend, load_rows, logistic, take_passed, tanh
from npdl_numba.compiled.jit import jit
from npdl_numba.compiled.sums import accumulate
from npdl_numba.compiled.tiles import WIDTH, multiply

__all__ = ["backward", "cell", "forward"]

_f = np.float32


@jit(distinct=True)
def cell(
    i: Any,
    f: Any,
    o: Any,
    g: Any,
    pi: Any,
    pf: Any,
    po: Any,
    pg: Any,
    c_old: Any,
    c: Any,
    tanh_c: Any,
    h: Any,
) -> None:
    """Activate the gates (H,) with their products added, and write the new cell, its tanh and the state."""
    for j in range(len(h)):
        i[j] = logistic(i[j] + pi[j])
        f[j] = logistic(f[j] + pf[j])
        o[j] = logistic(o[j] + po[j])
        g[j] = tanh(g[j] + pg[j])
        cell = f[j] * c_old[j] + i[j] * g[j]
        squashed = tanh(cell)
        c[j] = cell
        tanh_c[j] = squashed
        h[j] = o[j] * squashed


@jit(distinct=True)
def _cell_backward(
    i: Any,
    f: Any,
    o: Any,
    g: Any,
    c_old: Any,
    tanh_c: Any,
    dh: Any,
    dc: Any,
    di: Any,
    df: Any,
    do: Any,
    dg: Any,
) -> None:
    """Write the pre-activations' gradients and turn dc into that of the cell before."""
    for j in range(len(dh)):
        d = dc[j] + (_f(1.0) - tanh_c[j] * tanh_c[j]) * o[j] * dh[j]
        di[j] = (i[j] - i[j] * i[j]) * g[j] * d
        df[j] = (f[j] - f[j] * f[j]) * c_old[j] * d
        do[j] = (o[j] - o[j] * o[j]) * tanh_c[j] * dh[j]
        dg[j] = (_f(1.0) - g[j] * g[j]) * i[j] * d
        dc[j] = d * f[j]


@jit
def forward(
    gates: Any,
    panels: Any,
    h: Any,
    c: Any,
    tanh_c: Any,
    mask: Any,
    masked: bool,
    reset: bool,
    first_row: int,
    last_row: int,
) -> None:
    """Run rows ``first_row`` to ``last_row``; ``panels`` holds U, the rest is as of the reference."""
    n_rows, n = last_row - first_row, h.shape[2]
    state = np.empty((n_rows, n + PAD), np.float32)
    product = np.empty((n_rows, panels.shape[0] * WIDTH + PAD), np.float32)
    for t in range(gates.shape[0]):
        load_rows(h[t], first_row, state)
        multiply(state.ctypes.data, state.shape[1], 1, n_rows, panels, product)
        for r in range(n_rows):
            row = first_row + r
            z, p = gates[t, row], product[r]
            cell(
                z[:n], z[n : 2 * n], z[2 * n : 3 * n], z[3 * n :],
                p[:n], p[n : 2 * n], p[2 * n : 3 * n], p[3 * n : 4 * n],
                c[t, row], c[t + 1, row], tanh_c[t, row], h[t + 1, row],
            )  # fmt: skip
            if masked:
                blend(c[t + 1, row], c[t, row], mask[t, row, 0], reset)
                blend(h[t + 1, row], h[t, row], mask[t, row, 0], reset)


@jit
def backward(
    gates: Any,
    panels: Any,
    c: Any,
    tanh_c: Any,
    dh: Any,
    dc: Any,
    dz: Any,
    mask: Any,
    masked: bool,
    reset: bool,
    first: int,
    first_row: int,
    last_row: int,
) -> None:
    """Back-propagate through rows down to step ``first``; ``panels`` holds the transpose of U."""
    n_rows, n = last_row - first_row, dh.shape[2]
    delta = np.empty((n_rows, 4 * n + PAD), np.float32)
    product = np.empty((n_rows, panels.shape[0] * WIDTH + PAD), np.float32)
    passed_h, passed_c = np.zeros((n_rows, n), np.float32), np.zeros((n_rows, n), np.float32)
    for t in range(gates.shape[0] - 1, first - 1, -1):
        for r in range(n_rows):
            row = first_row + r
            if masked:
                take_passed(dh[t + 1, row], passed_h[r], mask[t, row, 0], reset)
                take_passed(dc[row], passed_c[r], mask[t, row, 0], reset)
            z, d = gates[t, row], dz[t, row]
            _cell_backward(
                z[:n], z[n : 2 * n], z[2 * n : 3 * n], z[3 * n :],
                c[t, row], tanh_c[t, row], dh[t + 1, row], dc[row],
                d[:n], d[n : 2 * n], d[2 * n : 3 * n], d[3 * n :],
            )  # fmt: skip
            if masked:
                accumulate(dc[row], passed_c[r])
        load_rows(dz[t], first_row, delta)
        multiply(delta.ctypes.data, delta.shape[1], 1, n_rows, panels, product)
        for r in range(n_rows):
            accumulate(dh[t, first_row + r], product[r])
            if masked:
                accumulate(dh[t, first_row + r], passed_h[r])
