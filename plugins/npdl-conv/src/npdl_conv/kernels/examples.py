"""Example arguments of each kernel: odd sizes and every option, for whoever checks an override."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_conv.kernels import pooling

__all__ = [
    "convolution_backward",
    "convolution_forward",
    "max_pooling_backward",
    "max_pooling_forward",
]

Rng = np.random.Generator
DType = np.dtype[Any]
Call = tuple[Any, ...]

_Case = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], dict[str, Any]]

_CONVOLUTIONS: tuple[_Case, ...] = (
    ((2, 9, 7, 3), (3, 3, 3, 5), (2, 7, 5, 5), {}),
    ((1, 5, 5, 1), (5, 5, 1, 17), (1, 1, 1, 17), {}),
    ((3, 8, 9, 4), (1, 1, 4, 33), (3, 8, 9, 33), {}),
    ((2, 9, 7, 4), (3, 2, 2, 6), (2, 3, 5, 6), {"stride": (3, 1), "dilation": (1, 2), "groups": 2}),
    ((2, 11, 3), (3, 3, 4), (2, 5, 4), {"stride": (2,)}),
    ((2, 7, 6, 3), (3, 2, 1, 6), (2, 3, 5, 6), {"stride": (2, 1), "dilation": (1, 1), "groups": 3}),
    ((2, 6, 8, 5), (3, 2, 5, 4), (2, 4, 7, 4), {}),
    ((0, 5, 5, 2), (3, 3, 2, 4), (0, 3, 3, 4), {}),
    ((3, 7, 9, 13), (3, 3, 13, 5), (3, 5, 7, 5), {}),
    ((2, 6, 5, 3), (3, 3, 3, 33), (2, 6, 5, 33), {"padding": ((1, 1), (1, 1))}),
    ((1, 9, 7, 20), (5, 5, 20, 50), (1, 5, 3, 50), {}),
    ((5, 4, 3, 50), (5, 5, 50, 20), (5, 4, 3, 20), {"padding": ((2, 2), (2, 2))}),
    ((3, 5, 1, 17), (7, 1, 17, 9), (3, 4, 1, 9), {"padding": ((0, 6), (0, 0))}),
    ((3, 1, 1, 6), (3, 3, 6, 65), (3, 1, 1, 65), {"padding": ((1, 1), (1, 1))}),
    ((2, 7, 9, 5), (2, 3, 5, 24), (2, 4, 5, 24), {"padding": ((1, 0), (2, 1)), "stride": (2, 2)}),
    ((2, 7, 6, 4), (3, 3, 4, 8), (2, 5, 6, 8), {"padding": ((1, 1), (2, 2)), "dilation": (2, 2)}),
    ((3, 13, 6), (5, 6, 40), (3, 13, 40), {"padding": ((2, 2),)}),
    ((2, 4, 5, 3, 2), (2, 3, 2, 2, 3), (2, 4, 5, 3, 3), {"padding": ((1, 0), (1, 1), (0, 1))}),
    ((2, 5, 4, 4), (3, 3, 1, 4), (2, 5, 4, 4), {"padding": ((1, 1), (1, 1)), "groups": 4}),
    ((2, 5, 4, 4), (1, 1, 4, 3), (2, 7, 6, 3), {"padding": ((1, 1), (1, 1))}),
    ((3, 6, 23, 2), (3, 4, 2, 5), (3, 4, 20, 5), {}),
    ((2, 6, 18, 4), (2, 3, 2, 6), (2, 3, 16, 6), {"dilation": (3, 1), "groups": 2}),
    ((2, 7, 39, 1), (3, 3, 1, 4), (2, 4, 20, 4), {"stride": (2, 2), "padding": ((1, 1), (1, 1))}),
    ((3, 40, 1), (5, 1, 7), (3, 40, 7), {"padding": ((2, 2),)}),
    ((2, 9, 8, 20), (3, 2, 20, 3), (2, 4, 4, 3), {"stride": (2, 2)}),
    ((2, 5, 7, 32), (2, 4, 16, 6), (2, 4, 4, 6), {"groups": 2}),
)


def _draw(rng: Rng, dtype: DType, shape: tuple[int, ...]) -> NDArray[Any]:
    return rng.standard_normal(shape).astype(dtype)


def convolution_forward(rng: Rng, dtype: DType) -> Iterator[Call]:
    """Yield calls of the convolution, with and without biases and the rectifier."""
    for x, W, out, options in _CONVOLUTIONS:
        yield _draw(rng, dtype, x), _draw(rng, dtype, W), np.zeros(out, dtype), options
        more = options | {"bias": _draw(rng, dtype, W[-1:]), "rectify": True}
        yield _draw(rng, dtype, x), _draw(rng, dtype, W), np.zeros(out, dtype), more


def convolution_backward(rng: Rng, dtype: DType) -> Iterator[Call]:
    """Yield calls of its gradients, some without the filters' or the input's, biases and the rectifier."""
    for index, (x, W, out, options) in enumerate(_CONVOLUTIONS):
        dW = None if index % 5 == 3 else np.zeros(W, dtype)
        dx = None if index % 5 == 1 else np.zeros(x, dtype)
        yield _draw(rng, dtype, x), _draw(rng, dtype, W), _draw(rng, dtype, out), dW, dx, options
        more = options | {"db": np.zeros(W[-1:], dtype), "rectified": np.maximum(_draw(rng, dtype, out), 0)}
        dW, dx = np.zeros(W, dtype), np.zeros(x, dtype)
        yield _draw(rng, dtype, x), _draw(rng, dtype, W), _draw(rng, dtype, out), dW, dx, more


_POOLS = (
    ((2, 9, 7, 3), (2, 2), (2, 2), (2, 4, 3, 3)),
    ((2, 7, 7, 17), (3, 3), (2, 2), (2, 3, 3, 17)),
    ((1, 8, 2), (3,), (1,), (1, 6, 2)),
)


def max_pooling_forward(rng: Rng, dtype: DType) -> Iterator[Call]:
    """Yield calls with and without the winners, ties among the entries."""
    for x, kernel, stride, out in _POOLS:
        entries = np.round(_draw(rng, dtype, x))
        yield entries, kernel, stride, np.zeros(out, dtype), np.zeros(out, np.uint8)
        yield entries, kernel, stride, np.zeros(out, dtype), None


def max_pooling_backward(rng: Rng, dtype: DType) -> Iterator[Call]:
    """Yield calls with winners of a forward."""
    for x, kernel, stride, out in _POOLS:
        winner = np.zeros(out, np.uint8)
        pooling.max_pooling_forward(_draw(rng, dtype, x), kernel, stride, np.zeros(out, dtype), winner)
        yield _draw(rng, dtype, out), winner, kernel, stride, np.zeros(x, dtype)
