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
    transposed = np.ascontiguousarray(U.T)
    block, work = np.empty((2, 4, *dc.shape), dc.dtype), np.empty_like(dc)
    steps, results = _by_gate(gates), _by_gate(dz)
    for t in range(len(gates) - 1, first - 1, -1):
        kept_h = kept_c = None
        if mask is not None:
            kept_h = blend_backward(dh[t + 1], mask[t], reset)
            kept_c = blend_backward(dc, mask[t], reset)
        _step_gradient(steps[t], c[t], tanh_c[t], dh[t + 1], dc, results[t], block, work)
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
    z: Array, c_previous: Array, tanh_c: Array, dh: Array, dc: Array, dz: Array, block: Array, work: Array
) -> None:
    """Write one step's pre-activation gradients (4, N, H) into ``dz``; turn dc into that of the cell before.

    ``block`` (2, 4, N, H) and ``work`` (N, H) are used up. Each gate is computed where it lies by itself:
    rows of all four are often a power of two apart, so they share few cache lines.
    """
    activated, slopes = block
    activated[...] = z
    i, f, o, g = activated
    np.multiply(tanh_c, tanh_c, out=work)
    np.subtract(1, work, out=work)
    work *= o
    work *= dh
    dc += work
    np.multiply(activated, activated, out=slopes)
    np.subtract(activated[:3], slopes[:3], out=slopes[:3])
    np.subtract(1, slopes[3], out=slopes[3])
    factors = (g, dc), (c_previous, dc), (tanh_c, dh), (i, dc)
    for slope, (one, other), out in zip(slopes, factors, dz, strict=True):
        slope *= one
        np.multiply(slope, other, out=out)
    dc *= f


def _by_gate(steps: Array) -> Array:
    """Return steps (T, N, 4H) as a view (T, 4, N, H)."""
    n_steps, n_samples, width = steps.shape
    return steps.reshape(n_steps, n_samples, 4, width // 4).transpose(0, 2, 1, 3)


def _blocks(array: Array, n_hidden: int) -> tuple[Array, Array, Array, Array]:
    """Return the four column blocks."""
    i, f, o, g = (array[:, k * n_hidden : (k + 1) * n_hidden] for k in range(4))
    return i, f, o, g
