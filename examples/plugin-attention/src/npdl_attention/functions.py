"""Attention as functions of arrays; whatever stands before the last two axes is a batch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["allowed", "attend", "attend_backward"]

Array = NDArray[Any]


def allowed(n_queries: int, n_keys: int, causal: bool, key_mask: Array | None) -> Array | None:
    """Return which query may look at which key, (T, S) or (N, T, S); None for every one at every one.

    Parameters
    ----------
    n_queries, n_keys : int
        T and S.
    causal : bool
        Query t sees keys 0 … t only.
    key_mask : ndarray of bool (N, S) or None
        True at real keys.
    """
    earlier = np.tri(n_queries, n_keys, dtype=bool) if causal else None
    if key_mask is None:
        return earlier
    real = np.broadcast_to(key_mask[:, None, :], (len(key_mask), n_queries, n_keys))
    return real if earlier is None else real & earlier


def attend(q: Array, k: Array, v: Array, keep: Array | None) -> tuple[Array, Array]:
    r"""Return :math:`y = p v` and the weights :math:`p = \mathrm{softmax}(q k^\top / \sqrt{D})`.

    Parameters
    ----------
    q : ndarray (..., T, D)
        Queries.
    k : ndarray (..., S, D)
        Keys.
    v : ndarray (..., S, E)
        Values.
    keep : ndarray of bool, broadcast to (..., T, S), or None
        Where a query may look. One that may look nowhere gets zeros.

    Returns
    -------
    y : ndarray (..., T, E)
    p : ndarray (..., T, S)
    """
    scores = (q @ k.swapaxes(-1, -2)) * q.dtype.type(q.shape[-1] ** -0.5)
    if keep is not None:
        scores = np.where(keep, scores, -np.inf)
    largest = np.max(scores, axis=-1, keepdims=True, initial=-np.inf)
    weights = np.exp(scores - np.where(np.isfinite(largest), largest, 0))
    total = weights.sum(axis=-1, keepdims=True)
    weights /= np.where(total > 0, total, 1)
    return weights @ v, weights


def attend_backward(pre_grad: Array, q: Array, k: Array, v: Array, p: Array) -> tuple[Array, Array, Array]:
    r"""Return the gradients with respect to q, k and v.

    With :math:`dp = g v^\top`: :math:`ds = p \circ (dp - \sum_s p \, dp) / \sqrt{D}`, :math:`dq = ds \, k`,
    :math:`dk = ds^\top q`, :math:`dv = p^\top g`.
    """
    dp = pre_grad @ v.swapaxes(-1, -2)
    ds = p * (dp - (p * dp).sum(axis=-1, keepdims=True)) * q.dtype.type(q.shape[-1] ** -0.5)
    return ds @ k, ds.swapaxes(-1, -2) @ q, p.swapaxes(-1, -2) @ pre_grad
