"""Example arguments of core's kernels: what every override is held against the reference with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "affine_backward",
    "affine_forward",
    "momentum_step",
    "sgd_step",
    "softmax",
    "softmax_cross_entropy",
    "squared_error",
]

_SIZES = ((1, 1, 1), (3, 5, 7), (4, 1, 3), (17, 9, 1), (0, 3, 2), (65, 33, 129))
_LOSS_SIZES = ((1, 1), (3, 5), (17, 1), (0, 3), (65, 33), (3, 20_001))


def _draw(rng: np.random.Generator, dtype: np.dtype[Any], *shape: int) -> NDArray[Any]:
    return rng.normal(0, 1, shape).astype(dtype)


def affine_forward(rng: np.random.Generator, dtype: np.dtype[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield (rows, W, b, out) of several sizes, with and without a bias and the rectifier."""
    for m, d, h in _SIZES:
        rows, W, b = _draw(rng, dtype, m, d), _draw(rng, dtype, d, h), _draw(rng, dtype, h)
        yield rows, W, b, np.empty((m, h), dtype)
        yield rows, W, b, np.empty((m, h), dtype), {"rectify": True}
        yield np.asfortranarray(rows), W, None, np.empty((m, h), dtype)


def affine_backward(rng: np.random.Generator, dtype: np.dtype[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield (delta, rows, W, dW, db, out) of several sizes, with and without what may be left out."""
    for m, d, h in _SIZES:
        delta, rows, W = _draw(rng, dtype, m, h), _draw(rng, dtype, m, d), _draw(rng, dtype, d, h)
        dW, db, out = np.empty((d, h), dtype), np.empty(h, dtype), np.empty((m, d), dtype)
        yield delta, rows, W, dW, db, out
        yield delta, rows, W, dW, None, None
        rectified = np.maximum(_draw(rng, dtype, m, h), 0)
        yield delta, rows, W, dW, db, out, {"rectified": rectified}


def momentum_step(rng: np.random.Generator, dtype: np.dtype[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield (p, g, velocity, rate, momentum) of several sizes, with every option."""
    for shape in ((), (1,), (3, 5), (0, 2), (70_001,)):
        p, g, velocity = (np.asarray(_draw(rng, dtype, *shape)) for _ in range(3))
        for options in ({}, {"keep": 0.9}, {"nesterov": True}, {"nesterov": True, "keep": 0.9}):
            yield p.copy(), g, velocity.copy(), 0.1, 0.7, options


def sgd_step(rng: np.random.Generator, dtype: np.dtype[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield (p, g, rate) of several sizes, with and without decay."""
    for shape in ((1,), (3, 5), (0,), (70_001,)):
        yield _draw(rng, dtype, *shape), _draw(rng, dtype, *shape), 0.1
        yield _draw(rng, dtype, *shape), _draw(rng, dtype, *shape), 0.5, {"keep": 0.9}


def squared_error(rng: np.random.Generator, dtype: np.dtype[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield (outputs, targets, scale, losses, grads) of several sizes and orders of axes."""
    for m, k in _LOSS_SIZES:
        for scale in (1.0, 0.25):
            outputs, targets = _draw(rng, dtype, m, k), _draw(rng, dtype, m, k)
            yield outputs, targets, scale, np.empty(m, dtype), np.empty((m, k), dtype)
    for order in ((0, 1, 2), (1, 0, 2), (0, 2, 1)):
        one, other = _draw(rng, dtype, 5, 7, 33), _draw(rng, dtype, 5, 7, 33)
        moved = np.ascontiguousarray(other.transpose(order)).transpose(order)
        for outputs, targets in ((one, moved), (moved, one), (moved, moved.copy("K"))):
            yield outputs, targets, 0.5, np.empty((5, 7), dtype), np.empty_like(outputs)


def softmax(rng: np.random.Generator, dtype: np.dtype[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield (x, out) of several sizes, with large scores, with and without a result in place."""
    for m, k in _LOSS_SIZES:
        x = 30 * _draw(rng, dtype, m, k)
        yield x, np.empty((m, k), dtype)
        yield x, x
    yield _draw(rng, dtype, 2, 3, 5), np.empty((2, 3, 5), dtype)
    yield np.array([[1e4, -1e4, -np.inf], [-np.inf, 5, -200]], dtype), np.empty((2, 3), dtype)


def softmax_cross_entropy(rng: np.random.Generator, dtype: np.dtype[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield (outputs, targets, scale, epsilon, losses, grads) of several sizes, targets in both forms."""
    for m, k in _LOSS_SIZES:
        scores, ids = 3 * _draw(rng, dtype, m, k), rng.integers(0, k, m)
        one_hot = np.zeros((m, k), dtype)
        one_hot[np.arange(m), ids] = 1
        p = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
        for targets in (ids, one_hot, np.abs(_draw(rng, dtype, m, k))):
            written = np.empty(m, dtype), np.empty((m, k), dtype)
            yield p, targets, 1.0, 1e-11, *written
            yield p, targets, 0.25, 1e-3, *written
            yield scores, targets, 0.25, None, *written
    sure = np.array([[1, 0], [0, 1]], dtype)
    yield sure, np.array([1, 1]), 1.0, 1e-11, np.empty(2, dtype), np.empty((2, 2), dtype)
