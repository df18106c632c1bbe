"""The plain recurrent network's sequence kernels: NumPy references, time-major."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_rnn.kernels import single
from npdl_rnn.kernels.masks import blend, blend_backward

__all__ = ["simple_rnn_backward", "simple_rnn_forward"]

Array = NDArray[Any]


def simple_rnn_forward(
    z: Array, U: Array, h: Array, *, mask: Array | None = None, reset: bool = False
) -> None:
    r"""Run :math:`h_t = \tanh(x_t W + b + h_{t-1} U)` over a sequence.

    Parameters
    ----------
    z : ndarray (T, N, H)
        Holds x W + b; receives the tanh of the pre-activations.
    U : ndarray (H, H)
        Recurrent weights.
    h : ndarray (T + 1, N, H)
        ``h[0]`` holds the initial state; the rest receives the states.
    mask : ndarray (T, N, 1), optional
        1 at real steps, 0 at masked ones.
    reset : bool
        Masked steps set the state to zero; otherwise they keep it.
    """
    if h.shape[1] == 1:
        return single.simple_rnn_forward(z, U, h, mask, reset)
    for t, step in enumerate(z):
        new = h[t + 1]
        np.matmul(h[t], U, out=new)
        new += step
        np.tanh(new, out=new)
        step[...] = new
        if mask is not None:
            blend(h, t, mask[t], reset)


def simple_rnn_backward(
    z: Array,
    U: Array,
    dh: Array,
    dz: Array,
    *,
    mask: Array | None = None,
    reset: bool = False,
    first: int = 0,
) -> None:
    """Back-propagate through :func:`simple_rnn_forward`.

    Parameters
    ----------
    z, U, mask, reset
        As :func:`simple_rnn_forward` left them.
    dh : ndarray (T + 1, N, H)
        ``dh[t + 1]`` holds the gradient that the outputs give to h after step t; on return ``dh[0]`` is the
        gradient of the initial h, the rest is used up.
    dz : ndarray (T, N, H)
        Receives the gradient of the pre-activations.
    first : int
        Steps before this one are not visited.
    """
    transposed = np.ascontiguousarray(U.T)
    work = np.empty_like(dh[0])
    for t in range(len(z) - 1, first - 1, -1):
        kept = None if mask is None else blend_backward(dh[t + 1], mask[t], reset)
        np.multiply(z[t], z[t], out=dz[t])
        np.subtract(1, dz[t], out=dz[t])
        dz[t] *= dh[t + 1]
        np.matmul(dz[t], transposed, out=work)
        dh[t] += work
        if kept is not None:
            dh[t] += kept
    if first:
        dz[:first] = 0
        dh[: first + 1] = 0
