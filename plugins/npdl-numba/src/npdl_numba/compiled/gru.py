"""Both GRUs over a sequence, for some of a batch's rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from npdl_numba.compiled.gates import PAD, blend, load_rows, logistic, take_passed, tanh
from npdl_numba.compiled.jit import jit
from npdl_numba.compiled.sums import accumulate
from npdl_numba.compiled.tiles import WIDTH, multiply

__all__ = [
    "after_backward",
    "after_forward",
    "before_backward",
    "before_forward",
    "cell",
    "gates_cell",
    "mix",
    "recur",
]

_f = np.float32


@jit(distinct=True)
def gates_cell(r: Any, z: Any, pr: Any, pz: Any, h_old: Any, rh: Any, state: Any) -> None:
    """Activate the gates (H,) with their products added, and write the reset state, into scratch too."""
    for j in range(len(rh)):
        r[j] = logistic(r[j] + pr[j])
        z[j] = logistic(z[j] + pz[j])
        rh[j] = r[j] * h_old[j]
        state[j] = rh[j]


@jit(distinct=True)
def mix(z: Any, new: Any, product: Any, h_old: Any, h: Any) -> None:
    """Activate the candidate (H,) with its product added, and write the state."""
    for j in range(len(h)):
        new[j] = tanh(new[j] + product[j])
        h[j] = (h_old[j] - new[j]) * z[j] + new[j]


@jit(distinct=True)
def recur(product: Any, bias: Any, recurrent: Any) -> None:
    """Write the product plus the recurrent bias, (3H,)."""
    for j in range(len(recurrent)):
        recurrent[j] = product[j] + bias[j]


@jit(distinct=True)
def cell(r: Any, z: Any, new: Any, pr: Any, pz: Any, pn: Any, h_old: Any, h: Any) -> None:
    """Activate all three blocks (H,), the reset gate acting on the candidate's product."""
    for j in range(len(h)):
        r[j] = logistic(r[j] + pr[j])
        z[j] = logistic(z[j] + pz[j])
        new[j] = tanh(new[j] + r[j] * pn[j])
        h[j] = (h_old[j] - new[j]) * z[j] + new[j]


@jit(distinct=True)
def _mix_backward(z: Any, new: Any, dh: Any, d_new: Any, dh_old: Any) -> None:
    """Write the candidate's pre-activation gradient, and add what passes through z to the state before."""
    for j in range(len(dh)):
        through = dh[j] * z[j]
        d_new[j] = (dh[j] - through) * (_f(1.0) - new[j] * new[j])
        dh_old[j] += through


@jit(distinct=True)
def _gates_backward(
    r: Any, z: Any, new: Any, h_old: Any, dh: Any, drh: Any, d_r: Any, d_z: Any, dh_old: Any
) -> None:
    """Write the gates' pre-activation gradients, and add what passes through r to the state before."""
    for j in range(len(dh)):
        d_r[j] = (r[j] - r[j] * r[j]) * drh[j] * h_old[j]
        d_z[j] = (z[j] - z[j] * z[j]) * ((h_old[j] - new[j]) * dh[j])
        dh_old[j] += drh[j] * r[j]


@jit(distinct=True)
def _after_gates_backward(
    r: Any, z: Any, new: Any, h_old: Any, pn: Any, dh: Any, d_r: Any, d_z: Any, d_new: Any, d_pn: Any
) -> None:
    """Write the gates' pre-activation gradients and that of the candidate's product."""
    for j in range(len(dh)):
        d_r[j] = (r[j] - r[j] * r[j]) * d_new[j] * pn[j]
        d_z[j] = (z[j] - z[j] * z[j]) * ((h_old[j] - new[j]) * dh[j])
        d_pn[j] = d_new[j] * r[j]


@jit
def before_forward(
    gates: Any,
    panels_gates: Any,
    panels_new: Any,
    h: Any,
    rh: Any,
    mask: Any,
    masked: bool,
    reset: bool,
    first_row: int,
    last_row: int,
) -> None:
    """Run rows; ``panels_gates`` holds the columns r and z of U, ``panels_new`` the candidate's."""
    n_rows, n = last_row - first_row, h.shape[2]
    state = np.empty((n_rows, n + PAD), np.float32)
    product = np.empty((n_rows, panels_gates.shape[0] * WIDTH + PAD), np.float32)
    for t in range(gates.shape[0]):
        load_rows(h[t], first_row, state)
        multiply(state.ctypes.data, state.shape[1], 1, n_rows, panels_gates, product)
        for r in range(n_rows):
            row = first_row + r
            z, p = gates[t, row], product[r]
            gates_cell(z[:n], z[n : 2 * n], p[:n], p[n : 2 * n], h[t, row], rh[t, row], state[r])
        multiply(state.ctypes.data, state.shape[1], 1, n_rows, panels_new, product)
        for r in range(n_rows):
            row = first_row + r
            z = gates[t, row]
            mix(z[n : 2 * n], z[2 * n :], product[r], h[t, row], h[t + 1, row])
            if masked:
                blend(h[t + 1, row], h[t, row], mask[t, row, 0], reset)


@jit
def before_backward(
    gates: Any,
    panels_gates: Any,
    panels_new: Any,
    h: Any,
    dh: Any,
    dz: Any,
    mask: Any,
    masked: bool,
    reset: bool,
    first: int,
    first_row: int,
    last_row: int,
) -> None:
    """Back-propagate through rows down to step ``first``; the panels hold transposes."""
    n_rows, n = last_row - first_row, h.shape[2]
    delta = np.empty((n_rows, 3 * n + PAD), np.float32)
    product = np.empty((n_rows, panels_new.shape[0] * WIDTH + PAD), np.float32)
    passed = np.zeros((n_rows, n), np.float32)
    for t in range(gates.shape[0] - 1, first - 1, -1):
        for r in range(n_rows):
            row = first_row + r
            if masked:
                take_passed(dh[t + 1, row], passed[r], mask[t, row, 0], reset)
            z = gates[t, row]
            _mix_backward(z[n : 2 * n], z[2 * n :], dh[t + 1, row], dz[t, row][2 * n :], dh[t, row])
        load_rows(dz[t], first_row, delta)
        multiply(delta.ctypes.data + 8 * n, delta.shape[1], 1, n_rows, panels_new, product)
        for r in range(n_rows):
            row = first_row + r
            z, d = gates[t, row], dz[t, row]
            _gates_backward(
                z[:n], z[n : 2 * n], z[2 * n :], h[t, row], dh[t + 1, row], product[r],
                d[:n], d[n : 2 * n], dh[t, row],
            )  # fmt: skip
        load_rows(dz[t], first_row, delta)
        multiply(delta.ctypes.data, delta.shape[1], 1, n_rows, panels_gates, product)
        for r in range(n_rows):
            accumulate(dh[t, first_row + r], product[r])
            if masked:
                accumulate(dh[t, first_row + r], passed[r])


@jit
def after_forward(
    gates: Any,
    panels: Any,
    bias: Any,
    h: Any,
    recurrent: Any,
    mask: Any,
    masked: bool,
    reset: bool,
    first_row: int,
    last_row: int,
) -> None:
    """Run rows of the form that resets after the product; ``panels`` holds U."""
    n_rows, n = last_row - first_row, h.shape[2]
    state = np.empty((n_rows, n + PAD), np.float32)
    product = np.empty((n_rows, panels.shape[0] * WIDTH + PAD), np.float32)
    for t in range(gates.shape[0]):
        load_rows(h[t], first_row, state)
        multiply(state.ctypes.data, state.shape[1], 1, n_rows, panels, product)
        for r in range(n_rows):
            row = first_row + r
            z, p = gates[t, row], recurrent[t, row]
            recur(product[r], bias, p)
            cell(
                z[:n], z[n : 2 * n], z[2 * n :], p[:n], p[n : 2 * n], p[2 * n :], h[t, row], h[t + 1, row]
            )  # fmt: skip
            if masked:
                blend(h[t + 1, row], h[t, row], mask[t, row, 0], reset)


@jit
def after_backward(
    gates: Any,
    panels: Any,
    h: Any,
    recurrent: Any,
    dh: Any,
    dz: Any,
    dr: Any,
    mask: Any,
    masked: bool,
    reset: bool,
    first: int,
    first_row: int,
    last_row: int,
) -> None:
    """Back-propagate through rows down to step ``first``; ``panels`` holds the transpose of U."""
    n_rows, n = last_row - first_row, h.shape[2]
    delta = np.empty((n_rows, 3 * n + PAD), np.float32)
    product = np.empty((n_rows, panels.shape[0] * WIDTH + PAD), np.float32)
    passed = np.zeros((n_rows, n), np.float32)
    for t in range(gates.shape[0] - 1, first - 1, -1):
        for r in range(n_rows):
            row = first_row + r
            if masked:
                take_passed(dh[t + 1, row], passed[r], mask[t, row, 0], reset)
            z, d, e = gates[t, row], dz[t, row], dr[t, row]
            _mix_backward(z[n : 2 * n], z[2 * n :], dh[t + 1, row], d[2 * n :], dh[t, row])
            _after_gates_backward(
                z[:n], z[n : 2 * n], z[2 * n :], h[t, row], recurrent[t, row][2 * n :], dh[t + 1, row],
                d[:n], d[n : 2 * n], d[2 * n :], e[2 * n :],
            )  # fmt: skip
            e[: 2 * n] = d[: 2 * n]
        load_rows(dr[t], first_row, delta)
        multiply(delta.ctypes.data, delta.shape[1], 1, n_rows, panels, product)
        for r in range(n_rows):
            accumulate(dh[t, first_row + r], product[r])
            if masked:
                accumulate(dh[t, first_row + r], passed[r])
