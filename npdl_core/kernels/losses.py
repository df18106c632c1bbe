"""Softmax, and losses of rows together with their gradients, in pieces of rows that stay in cache."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["softmax", "softmax_cross_entropy", "squared_error"]

PIECE = 1 << 17
"""How many numbers a piece has at most, unless one row has more."""


def _pieces(*arrays: NDArray[Any]) -> Iterator[tuple[NDArray[Any], ...]]:
    """Yield matching parts of arrays along their first axis; the first one has the most numbers."""
    size, n = arrays[0].size, len(arrays[0])
    if size <= PIECE:
        yield arrays
        return
    step = max(1, PIECE * n // size)
    for start in range(0, n, step):
        yield tuple(array[start : start + step] for array in arrays)


def squared_error(
    outputs: NDArray[Any],
    targets: NDArray[Any],
    scale: float,
    losses: NDArray[Any],
    grads: NDArray[Any],
) -> None:
    r"""Write :math:`l = \tfrac12 \sum_k (p_k - t_k)^2` of each row, and :math:`s (p - t)`.

    Parameters
    ----------
    outputs, targets : ndarray (..., K)
        p and t; at least one axis of rows.
    scale : float
        s, what the gradient is multiplied by.
    losses : ndarray (...)
        Where to write l.
    grads : ndarray (..., K)
        Where to write the gradient.
    """
    for p, t, loss, difference in _pieces(outputs, targets, losses, grads):
        np.subtract(p, t, out=difference)
        np.vecdot(difference, difference, out=loss)
        if scale != 1:
            difference *= scale
    losses *= 0.5


def softmax(x: NDArray[Any], out: NDArray[Any]) -> NDArray[Any]:
    r"""Write :math:`e^{x_j} / \sum_k e^{x_k}` along the last axis.

    Parameters
    ----------
    x : ndarray (..., K)
        Scores, which are shifted by their maximum: nothing overflows.
    out : ndarray (..., K)
        Where to write, maybe ``x`` itself; returned.
    """
    if x.size > PIECE and x.flags.c_contiguous and out.flags.c_contiguous:
        for scores, probabilities in _pieces(*(array.reshape(-1, array.shape[-1]) for array in (x, out))):
            _softmax(scores, probabilities)
    else:
        _softmax(x, out)
    return out


def _softmax(x: NDArray[Any], out: NDArray[Any]) -> None:
    _shift(x, out)
    _normalise(out)


def _shift(x: NDArray[Any], out: NDArray[Any]) -> None:
    """Write what is left of scores when their maximum is 0."""
    np.subtract(x, np.maximum.reduce(x, axis=-1, keepdims=True, initial=-np.inf), out=out)


def _normalise(scores: NDArray[Any]) -> NDArray[Any]:
    """Make probabilities of shifted scores, in place, and return what their exponentials add up to."""
    np.exp(scores, out=scores)
    total: NDArray[Any] = np.add.reduce(scores, axis=-1, keepdims=True)
    scores /= total
    return total


def softmax_cross_entropy(
    outputs: NDArray[Any],
    targets: NDArray[Any],
    scale: float,
    epsilon: float | None,
    losses: NDArray[Any],
    grads: NDArray[Any],
) -> None:
    r"""Write :math:`l = -\sum_k t_k \ln p_k` of each row, and :math:`s (p \sum_k t_k - t)`.

    The gradient is with respect to the scores z whose softmax is p.

    Parameters
    ----------
    outputs : ndarray (M, K)
        p, or z without an epsilon.
    targets : ndarray (M, K) or (M,)
        t; or class ids, for rows of t that are 1 there and 0 elsewhere.
    scale : float
        s, what the gradient is multiplied by.
    epsilon : float or None
        Lower bound of p in the logarithm; None for outputs z, whose :math:`\ln p` needs none.
    losses : ndarray (M,)
        Where to write l.
    grads : ndarray (M, K)
        Where to write the gradient.
    """
    entropy = _of_ids if targets.ndim == 1 else _of_distributions
    for p, t, loss, gradient in _pieces(outputs, targets, losses, grads):
        entropy(p, t, scale, epsilon, loss, gradient)


def _of_ids(
    outputs: NDArray[Any],
    ids: NDArray[Any],
    scale: float,
    epsilon: float | None,
    losses: NDArray[Any],
    grads: NDArray[Any],
) -> None:
    entries = np.arange(len(ids)), ids
    if epsilon is None:
        _shift(outputs, grads)
        scores, outputs = grads[entries], grads
        np.subtract(np.log(_normalise(grads)[:, 0]), scores, out=losses)
        picked = grads[entries]
    else:
        picked = outputs[entries]
        np.maximum(picked, epsilon, out=losses)
        np.log(losses, out=losses)
        np.negative(losses, out=losses)
    np.multiply(outputs, scale, out=grads)
    picked -= 1
    picked *= scale
    grads[entries] = picked


def _of_distributions(
    outputs: NDArray[Any],
    targets: NDArray[Any],
    scale: float,
    epsilon: float | None,
    losses: NDArray[Any],
    grads: NDArray[Any],
) -> None:
    weights = np.add.reduce(targets, axis=-1, keepdims=True)
    if epsilon is None:
        _shift(outputs, grads)
        np.vecdot(targets, grads, out=losses)
        outputs = grads
        losses -= np.log(_normalise(grads)[:, 0]) * weights[:, 0]
    else:
        logs = np.maximum(outputs, epsilon, out=grads)
        np.log(logs, out=logs)
        np.vecdot(targets, logs, out=losses)
    np.negative(losses, out=losses)
    np.multiply(outputs, weights, out=grads)
    grads -= targets
    if scale != 1:
        grads *= scale
