"""The LSTM's sequence kernels: NumPy references, time-major, all gates side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_rnn.kernels import single
from npdl_rnn.kernels.masks import blend, blend_backward

__all__ = ["lstm_backward", "lstm_forward"]

Array = NDArray[Any]


def lstm_forward(
    gates: Array,
    U: Array,
    h: Array,
    c: Array,
    tanh_c: Array,
    *,
    mask: Array | None = None,
    reset: bool = False,
) -> None:
    r"""Run an LSTM with logistic gates and tanh over a sequence.

    :math:`i, f, o = \sigma(\cdot)`, :math:`g = \tanh(\cdot)` of the pre-activations :math:`x_t W + b +
    h_{t-1} U`; :math:`c_t = f c_{t-1} + i g`; :math:`h_t = o \tanh c_t`.

    Parameters
    ----------
    gates : ndarray (T, N, 4H)
        Holds x W + b, blocks i, f, o, g; receives the activated gates.
    U : ndarray (H, 4H)
        Recurrent weights.
    h, c : ndarray (T + 1, N, H)
        ``h[0]`` and ``c[0]`` hold the initial state; the rest receives the states after each step.
    tanh_c : ndarray (T, N, H)
        Receives the tanh of each step's new cell.
    mask : ndarray (T, N, 1), optional
        1 at real steps, 0 at masked ones.
    reset : bool
        Masked steps set the state to zero; otherwise they keep it.

    Notes
    -----
    :math:`\sigma(x) = \tfrac12 \tanh(x / 2) + \tfrac12` makes one tanh call of all gates; the halving is
    folded into the pre-activations and the recurrent weights beforehand.
    """
    if h.shape[1] == 1:
        return single.lstm_forward(gates, U, h, c, tanh_c, mask, reset)
    n_hidden = U.shape[0]
    sigmoid = slice(0, 3 * n_hidden)
    halved = U.copy()
    halved[:, sigmoid] *= 0.5
    gates[..., sigmoid] *= 0.5
    recurrent, product = np.empty_like(gates[0]), np.empty_like(h[0])
    for t, z in enumerate(gates):
        np.matmul(h[t], halved, out=recurrent)
        z += recurrent
        np.tanh(z, out=z)
        logistic = z[:, sigmoid]
        logistic *= 0.5
        logistic += 0.5
        i, f, o, g = _blocks(z, n_hidden)
        np.multiply(f, c[t], out=c[t + 1])
        np.multiply(i, g, out=product)
        c[t + 1] += product
        np.tanh(c[t + 1], out=tanh_c[t])
        np.multiply(o, tanh_c[t], out=h[t + 1])
        if mask is not None:
            blend(c, t, mask[t], reset)
            blend(h, t, mask[t], reset)


def lstm_backward(
    gates: Array,
    U: Array,
    c: Array,
    tanh_c: Array,
    dh: Array,
    dc: Array,
    dz: Array,
    *,
    mask: Array | None = None,
    reset: bool = False,
    first: int = 0,
) -> None:
    """Back-propagate through :func:`lstm_forward`.

    Parameters
    ----------
    gates, U, c, tanh_c, mask, reset
        As :func:`lstm_forward` left them.
    dh : ndarray (T + 1, N, H)
        ``dh[t + 1]`` holds the gradient that the outputs give to h after step t; on return ``dh[0]`` is the
        gradient of the initial h, the rest is used up.
    dc : ndarray (N, H)
        Holds the gradient of the last cell; receives that of the initial one.
    dz : ndarray (T, N, 4H)
        Receives the gradient of the pre-activations, from which all weight gradients follow in one product
        each.
    first : int
        Steps before this one are not visited: their gradients are zero, and so are those of the initial
        state.
    """
    n_hidden = U.shape[0]
    transposed = np.ascontiguousarray(U.T)
    one, work = np.empty_like(dc), np.empty_like(dc)
    for t in range(len(gates) - 1, first - 1, -1):
        kept_h = kept_c = None
        if mask is not None:
            kept_h = blend_backward(dh[t + 1], mask[t], reset)
            kept_c = blend_backward(dc, mask[t], reset)
        _step_gradient(gates[t], c[t], tanh_c[t], dh[t + 1], dc, dz[t], one)
        dc *= gates[t][:, n_hidden : 2 * n_hidden]
        np.matmul(dz[t], transposed, out=work)
        dh[t] += work
        if kept_h is not None and kept_c is not None:
            dh[t] += kept_h
            dc += kept_c
    if first:
        dz[:first] = 0
        dh[: first + 1] = 0
        dc[...] = 0


def _step_gradient(
    z: Array, c_previous: Array, tanh_c: Array, dh: Array, dc: Array, dz: Array, work: Array
) -> None:
    """Write one step's pre-activation gradients into ``dz`` and add the output's share to ``dc``."""
    n_hidden = dc.shape[1]
    i, _, o, g = _blocks(z, n_hidden)
    d_i, d_f, d_o, d_g = _blocks(dz, n_hidden)
    np.multiply(tanh_c, tanh_c, out=work)
    np.subtract(1, work, out=work)
    work *= o
    work *= dh
    dc += work
    logistic = z[:, : 3 * n_hidden]
    slopes = dz[:, : 3 * n_hidden]
    np.multiply(logistic, logistic, out=slopes)
    np.subtract(logistic, slopes, out=slopes)
    d_i *= g
    d_i *= dc
    d_f *= c_previous
    d_f *= dc
    d_o *= tanh_c
    d_o *= dh
    np.multiply(g, g, out=d_g)
    np.subtract(1, d_g, out=d_g)
    d_g *= i
    d_g *= dc


def _blocks(array: Array, n_hidden: int) -> tuple[Array, Array, Array, Array]:
    """Return the four column blocks."""
    i, f, o, g = (array[:, k * n_hidden : (k + 1) * n_hidden] for k in range(4))
    return i, f, o, g
