"""cs231n's recurrent functions: pure, each forward returning a cache for its backward.

N batch, T time, D input, H hidden, V vocabulary or rows, M outputs. Nothing that a caller passes is modified.
LSTM gates lie in blocks i, f, o, g along the last axis; the cell starts at zero.

Source: Stanford CS231n, Convolutional neural networks for visual recognition, assignment on recurrent
networks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_rnn import kernels

__all__ = [
    "lstm_backward",
    "lstm_forward",
    "lstm_step_backward",
    "lstm_step_forward",
    "rnn_backward",
    "rnn_forward",
    "rnn_step_backward",
    "rnn_step_forward",
    "sigmoid",
    "temporal_affine_backward",
    "temporal_affine_forward",
    "temporal_softmax_loss",
    "word_embedding_backward",
    "word_embedding_forward",
]

Array = NDArray[Any]
Cache = tuple[Any, ...]
Gradients = tuple[Array, Array, Array, Array, Array]


def sigmoid(x: Any) -> Array:
    r"""Return :math:`1 / (1 + e^{-x})`, which overflows nowhere.

    Examples
    --------
    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    x = np.asarray(x)
    small = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1, small) / (1 + small))


# -- plain recurrent network ---------------------------------------------------------------------------------


def rnn_forward(x: Array, h0: Array, Wx: Array, Wh: Array, b: Array) -> tuple[Array, Cache]:
    r"""Run :math:`h_t = \tanh(x_t W_x + h_{t-1} W_h + b)`.

    Parameters
    ----------
    x : ndarray (N, T, D)
        Inputs.
    h0 : ndarray (N, H)
        The state before the first step.
    Wx, Wh, b : ndarray (D, H), (H, H), (H,)
        Weights.

    Returns
    -------
    h : ndarray (N, T, H)
        The states after each step.
    cache : tuple
        For :func:`rnn_backward`.
    """
    z, states = _projected(x, Wx, b), _states(h0, x.shape[1], x)
    kernels.simple_rnn_forward(z, Wh, states)
    return states[1:].transpose(1, 0, 2).copy(), (x, z, states, Wx, Wh)


def rnn_backward(dh: Array, cache: Cache) -> Gradients:
    """Return dx (N, T, D), dh0 (N, H), dWx, dWh and db for the gradient dh (N, T, H) of all states."""
    x, z, states, Wx, Wh = cache
    grads, dz = _output_gradients(dh), np.empty_like(z)
    kernels.simple_rnn_backward(z, Wh, grads, dz)
    return _weight_gradients(x, states, dz, grads[0], Wx)


def rnn_step_forward(x: Array, prev_h: Array, Wx: Array, Wh: Array, b: Array) -> tuple[Array, Cache]:
    """Return the next state (N, H) and a cache: one step, x (N, D), of :func:`rnn_forward`.

    Examples
    --------
    >>> one = np.ones((1, 1))
    >>> h, _ = rnn_step_forward(np.ones((1, 2)), 0 * one, np.ones((2, 1)), one, np.zeros(1))
    >>> h.round(4)
    array([[0.964]])
    """
    h, cache = rnn_forward(x[:, None], prev_h, Wx, Wh, b)
    return h[:, 0], cache


def rnn_step_backward(dnext_h: Array, cache: Cache) -> Gradients:
    """Return dx (N, D), dprev_h (N, H), dWx, dWh and db."""
    dx, *rest = rnn_backward(dnext_h[:, None], cache)
    return (dx[:, 0], *rest)  # type: ignore[return-value]


# -- LSTM ----------------------------------------------------------------------------------------------------


def lstm_forward(x: Array, h0: Array, Wx: Array, Wh: Array, b: Array) -> tuple[Array, Cache]:
    """Run an LSTM from the output h0; its cell starts at zero.

    Parameters
    ----------
    x : ndarray (N, T, D)
        Inputs.
    h0 : ndarray (N, H)
        The output before the first step.
    Wx, Wh, b : ndarray (D, 4H), (H, 4H), (4H,)
        Weights, blocks i, f, o, g.

    Returns
    -------
    h : ndarray (N, T, H)
        The outputs of each step.
    cache : tuple
        For :func:`lstm_backward`.
    """
    h, _, cache = _lstm(x, h0, np.zeros_like(h0), Wx, Wh, b)
    return h, cache


def lstm_backward(dh: Array, cache: Cache) -> Gradients:
    """Return dx (N, T, D), dh0 (N, H), dWx, dWh and db for the gradient dh (N, T, H) of all outputs."""
    dx, dh0, _, *weights = _lstm_backward(dh, np.zeros_like(dh[:, 0]), cache)
    return (dx, dh0, *weights)  # type: ignore[return-value]


def lstm_step_forward(
    x: Array, prev_h: Array, prev_c: Array, Wx: Array, Wh: Array, b: Array
) -> tuple[Array, Array, Cache]:
    """Return the next output and cell (N, H) and a cache: one step, x (N, D), of an LSTM."""
    h, c, cache = _lstm(x[:, None], prev_h, prev_c, Wx, Wh, b)
    return h[:, 0], c, cache


def lstm_step_backward(
    dnext_h: Array, dnext_c: Array, cache: Cache
) -> tuple[Array, Array, Array, Array, Array, Array]:
    """Return dx (N, D), dprev_h, dprev_c (N, H), dWx, dWh and db."""
    dx, *rest = _lstm_backward(dnext_h[:, None], dnext_c, cache)
    return (dx[:, 0], *rest)  # type: ignore[return-value]


def _lstm(x: Array, h0: Array, c0: Array, Wx: Array, Wh: Array, b: Array) -> tuple[Array, Array, Cache]:
    gates = _projected(x, Wx, b)
    h, c = _states(h0, x.shape[1], x), _states(c0, x.shape[1], x)
    tanh_c = np.empty_like(c[1:])
    kernels.lstm_forward(gates, Wh, h, c, tanh_c)
    return h[1:].transpose(1, 0, 2).copy(), c[-1].copy(), (x, gates, h, c, tanh_c, Wx, Wh)


def _lstm_backward(dh: Array, dc: Array, cache: Cache) -> tuple[Array, Array, Array, Array, Array, Array]:
    x, gates, h, c, tanh_c, Wx, Wh = cache
    grads, dz, dc = _output_gradients(dh), np.empty_like(gates), np.array(dc)
    kernels.lstm_backward(gates, Wh, c, tanh_c, grads, dc, dz)
    dx, dh0, *weights = _weight_gradients(x, h, dz, grads[0], Wx)
    return (dx, dh0, dc, *weights)  # type: ignore[return-value]


# -- what both share -----------------------------------------------------------------------------------------


def _projected(x: Array, Wx: Array, b: Array) -> Array:
    """Return x Wx + b, time-major (T, N, K)."""
    return np.asarray(np.ascontiguousarray((x @ Wx + b).transpose(1, 0, 2)))


def _states(first: Array, n_steps: int, x: Array) -> Array:
    states = np.empty((n_steps + 1, *first.shape), np.result_type(first, x))
    states[0] = first
    return states


def _output_gradients(dh: Array) -> Array:
    grads = np.zeros((dh.shape[1] + 1, dh.shape[0], dh.shape[2]), dh.dtype)
    grads[1:] = dh.transpose(1, 0, 2)
    return grads


def _weight_gradients(x: Array, states: Array, dz: Array, dh0: Array, Wx: Array) -> Gradients:
    n_samples, n_steps, n_in = x.shape
    flat = dz.reshape(-1, dz.shape[2])
    dx = (dz @ Wx.T).transpose(1, 0, 2).copy()
    dWx = x.transpose(1, 0, 2).reshape(-1, n_in).T @ flat
    dWh = states[:-1].reshape(n_steps * n_samples, -1).T @ flat
    return dx, dh0.copy(), dWx, dWh, flat.sum(axis=0)


# -- words and scores ----------------------------------------------------------------------------------------


def word_embedding_forward(x: Array, W: Array) -> tuple[Array, Cache]:
    """Return the rows of W (V, D) that ids x (N, T) name, (N, T, D), and a cache."""
    return W[x], (x, W.shape)


def word_embedding_backward(dout: Array, cache: Cache) -> Array:
    """Return dW (V, D): the gradients of all places where an id occurs add up.

    Examples
    --------
    >>> _, cache = word_embedding_forward(np.array([[1, 1]]), np.zeros((2, 1)))
    >>> word_embedding_backward(np.ones((1, 2, 1)), cache).ravel()
    array([0., 2.])
    """
    x, shape = cache
    dW = np.zeros(shape, dout.dtype)
    np.add.at(dW, x, dout)
    return dW


def temporal_affine_forward(x: Array, w: Array, b: Array) -> tuple[Array, Cache]:
    """Return x w + b of every step: x (N, T, D), w (D, M), b (M,), result (N, T, M); and a cache."""
    return x @ w + b, (x, w)


def temporal_affine_backward(dout: Array, cache: Cache) -> tuple[Array, Array, Array]:
    """Return dx (N, T, D), dw (D, M) and db (M,)."""
    x, w = cache
    rows = dout.reshape(-1, dout.shape[-1])
    return dout @ w.T, x.reshape(-1, x.shape[-1]).T @ rows, rows.sum(axis=0)


def temporal_softmax_loss(x: Array, y: Array, mask: Array, verbose: bool = False) -> tuple[float, Array]:
    r"""Return the cross-entropy of scores, :math:`-\frac1N \sum_{n, t} m_{nt} \ln p_{nt}[y_{nt}]`, and dx.

    Parameters
    ----------
    x : ndarray (N, T, V)
        Scores.
    y : ndarray of int (N, T)
        The right ids.
    mask : ndarray of bool (N, T)
        Which steps count. The sum is divided by N, not by how many there are.
    verbose : bool
        Print the shape of dx.

    Examples
    --------
    >>> loss, dx = temporal_softmax_loss(np.zeros((1, 2, 10)), np.array([[3, 4]]), np.ones((1, 2), bool))
    >>> round(loss, 3), dx.shape
    (4.605, (1, 2, 10))
    """
    n_samples = len(x)
    logs = x - x.max(axis=-1, keepdims=True)
    logs -= np.log(np.exp(logs).sum(axis=-1, keepdims=True))
    loss = -float(np.sum(np.take_along_axis(logs, y[..., None], axis=-1)[..., 0] * mask)) / n_samples
    dx = np.exp(logs)
    rows = dx.reshape(-1, dx.shape[-1])
    rows[np.arange(len(rows)), y.ravel()] -= 1
    dx *= (np.asarray(mask) / n_samples)[..., None].astype(dx.dtype)
    if verbose:
        print("dx:", dx.shape)
    return loss, dx
