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

_CONVOLUTIONS: tuple[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], dict[str, Any]], ...] = (
    ((2, 9, 7, 3), (3, 3, 3, 5), (2, 7, 5, 5), {}),
    ((1, 5, 5, 1), (5, 5, 1, 17), (1, 1, 1, 17), {}),
    ((3, 8, 9, 4), (1, 1, 4, 33), (3, 8, 9, 33), {}),
    ((2, 9, 7, 4), (3, 2, 2, 6), (2, 3, 5, 6), {"stride": (3, 1), "dilation": (1, 2), "groups": 2}),
    ((2, 11, 3), (3, 3, 4), (2, 5, 4), {"stride": (2,)}),
    ((2, 7, 6, 3), (3, 2, 1, 6), (2, 3, 5, 6), {"stride": (2, 1), "dilation": (1, 1), "groups": 3}),
    ((2, 6, 8, 5), (3, 2, 5, 4), (2, 4, 7, 4), {}),
    ((0, 5, 5, 2), (3, 3, 2, 4), (0, 3, 3, 4), {}),
    ((3, 7, 9, 13), (3, 3, 13, 5), (3, 5, 7, 5), {}),
)


def _draw(rng: Rng, dtype: DType, shape: tuple[int, ...]) -> NDArray[Any]:
    return rng.standard_normal(shape).astype(dtype)


def convolution_forward(rng: Rng, dtype: DType) -> Iterator[Call]:
    """Yield calls of the convolution."""
    for x, W, out, options in _CONVOLUTIONS:
        yield _draw(rng, dtype, x), _draw(rng, dtype, W), np.zeros(out, dtype), options


def convolution_backward(rng: Rng, dtype: DType) -> Iterator[Call]:
    """Yield calls of its gradients, some without the filters' or the input's."""
    for index, (x, W, out, options) in enumerate(_CONVOLUTIONS):
        dW = None if index == 3 else np.zeros(W, dtype)
        dxp = None if index == 1 else np.zeros(x, dtype)
        yield _draw(rng, dtype, x), _draw(rng, dtype, W), _draw(rng, dtype, out), dW, dxp, options
    for x, W, out, options in _CONVOLUTIONS[:1] + _CONVOLUTIONS[3:4] + _CONVOLUTIONS[-1:]:
        dx = np.zeros((x[0], x[1] - 3, x[2] - 1, x[3]), dtype)
        cropped = options | {"crop": ((1, 2), (0, 1))}
        yield (
            _draw(rng, dtype, x),
            _draw(rng, dtype, W),
            _draw(rng, dtype, out),
            np.zeros(W, dtype),
            dx,
            cropped,
        )


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
