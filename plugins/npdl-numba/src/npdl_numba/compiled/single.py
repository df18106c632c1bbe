"""Sequences of one sample: its products with the recurrent weights read these in place, row by row.

Packing them, as for a batch, would cost about as much as a step. Every number of a product is the same sum in
the order of the rows as with packed weights, so a sample's results do not depend on which of the two computed
them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from npdl_numba.compiled import gru, lstm, simple_rnn
from npdl_numba.compiled.gates import blend
from npdl_numba.compiled.jit import jit

__all__ = ["gru_after_forward", "gru_forward", "lstm_forward", "multiply", "simple_rnn_forward"]

_f = np.float32
_cell, _lstm_cell, _gru_cell = simple_rnn.cell, lstm.cell, gru.cell
_gru_gates, _gru_mix, _gru_recur = gru.gates_cell, gru.mix, gru.recur


@jit(distinct=True)
def _add_three(vector: Any, weights: Any, k: int, left: int, out: Any) -> None:
    """Add three rows of the weights from ``k`` on, each times its number of the vector.

    More would be in each other's way: rows a power of two apart share few lines of the first cache.
    """
    right = left + len(out)
    a0, r0 = vector[k], weights[k, left:right]
    a1, r1 = vector[k + 1], weights[k + 1, left:right]
    a2, r2 = vector[k + 2], weights[k + 2, left:right]
    for j in range(len(out)):
        total = out[j]
        total += a0 * r0[j]
        total += a1 * r1[j]
        total += a2 * r2[j]
        out[j] = total


@jit(distinct=True)
def _add_one(vector: Any, weights: Any, k: int, left: int, out: Any) -> None:
    """Add one row of the weights times its number of the vector."""
    row, number = weights[k, left : left + len(out)], vector[k]
    for j in range(len(out)):
        out[j] += number * row[j]


@jit
def multiply(vector: Any, weights: Any, left: int, out: Any) -> None:
    """Write the product of a vector (K,) and columns of weights (K, F), from ``left`` on, into ``out``."""
    n_rows, k = len(vector), 0
    for j in range(len(out)):
        out[j] = _f(0.0)
    while k + 3 <= n_rows:
        _add_three(vector, weights, k, left, out)
        k += 3
    while k < n_rows:
        _add_one(vector, weights, k, left, out)
        k += 1


@jit
def simple_rnn_forward(z: Any, U: Any, h: Any, mask: Any, masked: bool, reset: bool) -> None:
    """Run a plain recurrent network; arrays are those of the reference, with one sample."""
    product = np.empty(h.shape[2], np.float32)
    for t in range(z.shape[0]):
        multiply(h[t, 0], U, 0, product)
        _cell(z[t, 0], product, h[t + 1, 0])
        if masked:
            blend(h[t + 1, 0], h[t, 0], mask[t, 0, 0], reset)


@jit
def lstm_forward(
    gates: Any, U: Any, h: Any, c: Any, tanh_c: Any, mask: Any, masked: bool, reset: bool
) -> None:
    """Run an LSTM; arrays are those of the reference, with one sample."""
    n = h.shape[2]
    p = np.empty(4 * n, np.float32)
    for t in range(gates.shape[0]):
        z = gates[t, 0]
        multiply(h[t, 0], U, 0, p)
        _lstm_cell(
            z[:n], z[n : 2 * n], z[2 * n : 3 * n], z[3 * n :],
            p[:n], p[n : 2 * n], p[2 * n : 3 * n], p[3 * n :],
            c[t, 0], c[t + 1, 0], tanh_c[t, 0], h[t + 1, 0],
        )  # fmt: skip
        if masked:
            blend(c[t + 1, 0], c[t, 0], mask[t, 0, 0], reset)
            blend(h[t + 1, 0], h[t, 0], mask[t, 0, 0], reset)


@jit
def gru_forward(gates: Any, U: Any, h: Any, rh: Any, mask: Any, masked: bool, reset: bool) -> None:
    """Run a GRU that resets before the product; arrays are those of the reference, with one sample."""
    n = h.shape[2]
    p, state = np.empty(2 * n, np.float32), np.empty(n, np.float32)
    for t in range(gates.shape[0]):
        z = gates[t, 0]
        multiply(h[t, 0], U, 0, p)
        _gru_gates(z[:n], z[n : 2 * n], p[:n], p[n:], h[t, 0], rh[t, 0], state)
        multiply(state, U, 2 * n, p[:n])
        _gru_mix(z[n : 2 * n], z[2 * n :], p[:n], h[t, 0], h[t + 1, 0])
        if masked:
            blend(h[t + 1, 0], h[t, 0], mask[t, 0, 0], reset)


@jit
def gru_after_forward(
    gates: Any, U: Any, bias: Any, h: Any, recurrent: Any, mask: Any, masked: bool, reset: bool
) -> None:
    """Run a GRU that resets after the product; arrays are those of the reference, with one sample."""
    n = h.shape[2]
    product = np.empty(3 * n, np.float32)
    for t in range(gates.shape[0]):
        z, p = gates[t, 0], recurrent[t, 0]
        multiply(h[t, 0], U, 0, product)
        _gru_recur(product, bias, p)
        _gru_cell(
            z[:n], z[n : 2 * n], z[2 * n :], p[:n], p[n : 2 * n], p[2 * n :], h[t, 0], h[t + 1, 0]
        )  # fmt: skip
        if masked:
            blend(h[t + 1, 0], h[t, 0], mask[t, 0, 0], reset)
