"""The forward kernels for one sample: vectors, views made beforehand, and no copies of the weights.

At one sample a step is a matrix-vector product and a dozen operations on some hundred numbers, so what counts
is how many there are and how long it takes to begin one. Arguments are those of the kernels that call these.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_rnn.kernels.masks import blend

__all__ = ["gru_after_forward", "gru_forward", "lstm_forward", "simple_rnn_forward"]

Array = NDArray[Any]


def simple_rnn_forward(z: Array, U: Array, h: Array, mask: Array | None, reset: bool) -> None:
    """Run a plain recurrent network."""
    add, dot, tanh, product = np.add, np.dot, np.tanh, np.empty(U.shape[1], U.dtype)
    states = h[:, 0]
    for t, (step, old, new) in enumerate(zip(z[:, 0], states[:-1], states[1:], strict=True)):
        dot(old, U, product)
        add(step, product, step)
        tanh(step, step)
        new[...] = step
        if mask is not None:
            blend(h, t, mask[t], reset)


def lstm_forward(
    gates: Array, U: Array, h: Array, c: Array, tanh_c: Array, mask: Array | None, reset: bool
) -> None:
    """Run an LSTM."""
    add, dot, multiply, tanh = np.add, np.dot, np.multiply, np.tanh
    n_hidden = U.shape[0]
    half, shift = np.full(4 * n_hidden, 0.5, U.dtype), np.full(4 * n_hidden, 0.5, U.dtype)
    half[3 * n_hidden :], shift[3 * n_hidden :] = 1, 0  # the new cell's candidate is no gate
    product, work = np.empty(4 * n_hidden, U.dtype), np.empty(n_hidden, U.dtype)
    steps, states, cells = gates[:, 0], h[:, 0], c[:, 0]
    before_after = states[:-1], states[1:], cells[:-1], cells[1:]
    rows = zip(steps, *_blocks(steps, n_hidden), *before_after, tanh_c[:, 0], strict=True)
    for t, (z, i, f, o, g, h_old, h_new, c_old, c_new, squashed) in enumerate(rows):
        dot(h_old, U, product)
        add(z, product, z)
        _squash(z, half, shift)
        multiply(f, c_old, c_new)
        multiply(i, g, work)
        add(c_new, work, c_new)
        tanh(c_new, squashed)
        multiply(o, squashed, h_new)
        if mask is not None:
            blend(c, t, mask[t], reset)
            blend(h, t, mask[t], reset)


def gru_forward(gates: Array, U: Array, h: Array, rh: Array, mask: Array | None, reset: bool) -> None:
    """Run a GRU whose reset gate acts before the recurrent product."""
    add, matmul, multiply, tanh = np.add, np.matmul, np.multiply, np.tanh  # dot copies columns
    n_hidden = U.shape[0]
    U_gates, U_new = U[:, : 2 * n_hidden], U[:, 2 * n_hidden :]
    half = np.full(2 * n_hidden, 0.5, U.dtype)
    product, work = np.empty(2 * n_hidden, U.dtype), np.empty(n_hidden, U.dtype)
    steps, states = gates[:, 0], h[:, 0]
    both = steps[:, : 2 * n_hidden]
    rows = zip(both, *_blocks(steps, n_hidden), rh[:, 0], states[:-1], states[1:], strict=True)
    for t, (gate, r, z, new, fed, old, out) in enumerate(rows):
        matmul(old, U_gates, product)
        add(gate, product, gate)
        _squash(gate, half, half)
        multiply(r, old, fed)
        matmul(fed, U_new, work)
        add(new, work, new)
        tanh(new, new)
        _mix(old, z, new, out)
        if mask is not None:
            blend(h, t, mask[t], reset)


def gru_after_forward(
    gates: Array, U: Array, bu: Array, h: Array, recurrent: Array, mask: Array | None, reset: bool
) -> None:
    """Run a GRU whose reset gate acts after the recurrent product."""
    add, dot, multiply, tanh = np.add, np.dot, np.multiply, np.tanh
    n_hidden = U.shape[0]
    half = np.full(2 * n_hidden, 0.5, U.dtype)
    product, work = np.empty(3 * n_hidden, U.dtype), np.empty(n_hidden, U.dtype)
    steps, states, sums = gates[:, 0], h[:, 0], recurrent[:, 0]
    both, parts = slice(0, 2 * n_hidden), _blocks(steps, n_hidden)
    products = sums, sums[:, both], sums[:, 2 * n_hidden :]
    rows = zip(steps[:, both], *parts, *products, states[:-1], states[1:], strict=True)
    for t, (gate, r, z, new, total, to_gates, to_new, old, out) in enumerate(rows):
        dot(old, U, product)
        add(product, bu, total)
        add(gate, to_gates, gate)
        _squash(gate, half, half)
        multiply(r, to_new, work)
        add(new, work, new)
        tanh(new, new)
        _mix(old, z, new, out)
        if mask is not None:
            blend(h, t, mask[t], reset)


def _squash(z: Array, half: Array, shift: Array) -> None:
    """Take the logistic function of z, as tanh of halves; tanh itself where ``half`` is 1 and ``shift`` 0."""
    np.multiply(z, half, z)
    np.tanh(z, z)
    np.multiply(z, half, z)
    np.add(z, shift, z)


def _mix(old: Array, z: Array, new: Array, out: Array) -> None:
    """Write (1 - z) new + z old."""
    np.subtract(old, new, out)
    np.multiply(out, z, out)
    np.add(out, new, out)


def _blocks(steps: Array, n_hidden: int) -> list[Array]:
    """Return the column blocks of all steps (T, kH)."""
    return [steps[:, start : start + n_hidden] for start in range(0, steps.shape[1], n_hidden)]
