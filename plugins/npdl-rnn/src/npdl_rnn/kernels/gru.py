"""The GRU's sequence kernels: NumPy references, time-major, all gates side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_rnn.kernels import single
from npdl_rnn.kernels.masks import blend, blend_backward

__all__ = ["gru_after_backward", "gru_after_forward", "gru_backward", "gru_forward"]

Array = NDArray[Any]


def gru_forward(
    gates: Array, U: Array, h: Array, rh: Array, *, mask: Array | None = None, reset: bool = False
) -> None:
    r"""Run a GRU whose reset gate acts before the recurrent product.

    :math:`r, z = \sigma(x_t W_{rz} + b_{rz} + h_{t-1} U_{rz})`;
    :math:`\tilde h = \tanh(x_t W_h + b_h + (r \circ h_{t-1}) U_h)`;
    :math:`h_t = (1 - z) \circ \tilde h + z \circ h_{t-1}`.

    Parameters
    ----------
    gates : ndarray (T, N, 3H)
        Holds x W + b, blocks r, z, h; receives the activated blocks.
    U : ndarray (H, 3H)
        Recurrent weights.
    h : ndarray (T + 1, N, H)
        ``h[0]`` holds the initial state; the rest receives the states.
    rh : ndarray (T, N, H)
        Receives each step's reset state.
    mask : ndarray (T, N, 1), optional
        1 at real steps, 0 at masked ones.
    reset : bool
        Masked steps set the state to zero; otherwise they keep it.
    """
    if h.shape[1] == 1:
        return single.gru_forward(gates, U, h, rh, mask, reset)
    n_hidden = U.shape[0]
    both = slice(0, 2 * n_hidden)
    U_gates, U_new = U[:, both] * U.dtype.type(0.5), np.ascontiguousarray(U[:, 2 * n_hidden :])
    gates[..., both] *= 0.5
    product, recurrent = np.empty_like(gates[0][:, both]), np.empty_like(h[0])
    for t, block in enumerate(gates):
        previous = h[t]
        np.matmul(previous, U_gates, out=product)
        _activate_gates(block[:, both], product)
        r, z, new = _blocks(block, n_hidden)
        np.multiply(r, previous, out=rh[t])
        np.matmul(rh[t], U_new, out=recurrent)
        new += recurrent
        np.tanh(new, out=new)
        _mix(h, t, z, new)
        if mask is not None:
            blend(h, t, mask[t], reset)


def gru_backward(
    gates: Array,
    U: Array,
    h: Array,
    dh: Array,
    dz: Array,
    *,
    mask: Array | None = None,
    reset: bool = False,
    first: int = 0,
) -> None:
    """Back-propagate through :func:`gru_forward`.

    Parameters
    ----------
    gates, U, h, mask, reset
        As :func:`gru_forward` left them.
    dh : ndarray (T + 1, N, H)
        ``dh[t + 1]`` holds the gradient that the outputs give to h after step t; on return ``dh[0]`` is the
        gradient of the initial h, the rest is used up.
    dz : ndarray (T, N, 3H)
        Receives the gradient of the pre-activations.
    first : int
        Steps before this one are not visited.
    """
    n_hidden = U.shape[0]
    U_gates = np.ascontiguousarray(U[:, : 2 * n_hidden].T)
    U_new = np.ascontiguousarray(U[:, 2 * n_hidden :].T)
    work, drh = np.empty_like(dh[0]), np.empty_like(dh[0])
    for t in range(len(gates) - 1, first - 1, -1):
        kept = None if mask is None else blend_backward(dh[t + 1], mask[t], reset)
        r, z, new = _blocks(gates[t], n_hidden)
        d_r, d_z, d_new = _blocks(dz[t], n_hidden)
        _new_gradient(z, new, dh[t + 1], d_new, dh[t], work)
        np.matmul(d_new, U_new, out=drh)
        _gate_slopes(gates[t], dz[t], n_hidden)
        d_r *= drh
        d_r *= h[t]
        np.subtract(h[t], new, out=work)
        work *= dh[t + 1]
        d_z *= work
        drh *= r
        dh[t] += drh
        np.matmul(dz[t][:, : 2 * n_hidden], U_gates, out=work)
        dh[t] += work
        if kept is not None:
            dh[t] += kept
    _cut(dh, dz, first)


def gru_after_forward(
    gates: Array,
    U: Array,
    bu: Array,
    h: Array,
    recurrent: Array,
    *,
    mask: Array | None = None,
    reset: bool = False,
) -> None:
    r"""Run a GRU whose reset gate acts after the recurrent product, as cuDNN's and PyTorch's.

    As :func:`gru_forward`, but :math:`\tilde h = \tanh(x_t W_h + b_h + r \circ (h_{t-1} U_h + b'_h))`.

    Parameters
    ----------
    gates, U, h, mask, reset
        As of :func:`gru_forward`.
    bu : ndarray (3H,)
        Recurrent bias.
    recurrent : ndarray (T, N, 3H)
        Receives h U + b' of each step.
    """
    if h.shape[1] == 1:
        return single.gru_after_forward(gates, U, bu, h, recurrent, mask, reset)
    n_hidden = U.shape[0]
    both = slice(0, 2 * n_hidden)
    for t, block in enumerate(gates):
        np.matmul(h[t], U, out=recurrent[t])
        recurrent[t] += bu
        product = recurrent[t][:, both]
        block[:, both] *= 0.5
        _activate_gates(block[:, both], product * product.dtype.type(0.5))
        r, z, new = _blocks(block, n_hidden)
        new += r * recurrent[t][:, 2 * n_hidden :]
        np.tanh(new, out=new)
        _mix(h, t, z, new)
        if mask is not None:
            blend(h, t, mask[t], reset)


def gru_after_backward(
    gates: Array,
    U: Array,
    h: Array,
    recurrent: Array,
    dh: Array,
    dz: Array,
    dr: Array,
    *,
    mask: Array | None = None,
    reset: bool = False,
    first: int = 0,
) -> None:
    """Back-propagate through :func:`gru_after_forward`.

    Parameters
    ----------
    gates, U, h, recurrent, mask, reset
        As :func:`gru_after_forward` left them.
    dh, dz, first
        As of :func:`gru_backward`.
    dr : ndarray (T, N, 3H)
        Receives the gradient of h U + b', which differs from ``dz`` in the last block.
    """
    n_hidden = U.shape[0]
    transposed = np.ascontiguousarray(U.T)
    work = np.empty_like(dh[0])
    for t in range(len(gates) - 1, first - 1, -1):
        kept = None if mask is None else blend_backward(dh[t + 1], mask[t], reset)
        r, z, new = _blocks(gates[t], n_hidden)
        d_r, d_z, d_new = _blocks(dz[t], n_hidden)
        _new_gradient(z, new, dh[t + 1], d_new, dh[t], work)
        _gate_slopes(gates[t], dz[t], n_hidden)
        d_r *= d_new
        d_r *= recurrent[t][:, 2 * n_hidden :]
        np.subtract(h[t], new, out=work)
        work *= dh[t + 1]
        d_z *= work
        dr[t][:, : 2 * n_hidden] = dz[t][:, : 2 * n_hidden]
        np.multiply(d_new, r, out=dr[t][:, 2 * n_hidden :])
        np.matmul(dr[t], transposed, out=work)
        dh[t] += work
        if kept is not None:
            dh[t] += kept
    _cut(dh, dz, first)
    dr[:first] = 0


def _activate_gates(block: Array, product: Array) -> None:
    """Turn halved pre-activations plus ``product`` into the logistic function, in place."""
    block += product
    np.tanh(block, out=block)
    block *= 0.5
    block += 0.5


def _mix(h: Array, t: int, z: Array, new: Array) -> None:
    """Write (1 - z) new + z h into the next state."""
    out = h[t + 1]
    np.subtract(h[t], new, out=out)
    out *= z
    out += new


def _new_gradient(z: Array, new: Array, dh: Array, d_new: Array, dh_previous: Array, work: Array) -> None:
    """Write the candidate's pre-activation gradient and add what passes through z to the previous state."""
    np.multiply(dh, z, out=work)
    np.subtract(dh, work, out=d_new)
    dh_previous += work
    np.multiply(new, new, out=work)
    np.subtract(1, work, out=work)
    d_new *= work


def _gate_slopes(block: Array, dz: Array, n_hidden: int) -> None:
    """Write s (1 - s) of both gates."""
    gates, slopes = block[:, : 2 * n_hidden], dz[:, : 2 * n_hidden]
    np.multiply(gates, gates, out=slopes)
    np.subtract(gates, slopes, out=slopes)


def _cut(dh: Array, dz: Array, first: int) -> None:
    if first:
        dz[:first] = 0
        dh[: first + 1] = 0


def _blocks(array: Array, n_hidden: int) -> tuple[Array, Array, Array]:
    """Return the three column blocks."""
    r, z, new = (array[:, k * n_hidden : (k + 1) * n_hidden] for k in range(3))
    return r, z, new
