"""Example arguments of the sequence kernels, for whoever checks an override: odd sizes, masks, truncation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_rnn.kernels import gru, lstm, simple_rnn

__all__ = [
    "gru_after_backward",
    "gru_after_forward",
    "gru_backward",
    "gru_forward",
    "lstm_backward",
    "lstm_forward",
    "recurrent_affine_backward",
    "simple_rnn_backward",
    "simple_rnn_forward",
]

Array = NDArray[Any]
Arguments = tuple[Any, ...]

SIZES = ((1, 1, 1), (1, 3, 5), (4, 1, 7), (5, 6, 16), (3, 33, 17))
"""T, N and H."""


class _Draw:
    """Arrays of one size in one dtype."""

    def __init__(self, rng: np.random.Generator, dtype: np.dtype[Any], size: tuple[int, int, int]) -> None:
        self.rng, self.dtype = rng, dtype
        self.n_steps, self.n_samples, self.n_hidden = size

    def normal(self, *shape: int, scale: float = 1.0) -> Array:
        return self.rng.normal(0, scale, shape).astype(self.dtype)

    def gates(self, n_blocks: int) -> Array:
        return self.normal(self.n_steps, self.n_samples, n_blocks * self.n_hidden)

    def weights(self, n_blocks: int) -> Array:
        return self.normal(self.n_hidden, n_blocks * self.n_hidden, scale=self.n_hidden**-0.5)

    def states(self) -> Array:
        return self.normal(self.n_steps + 1, self.n_samples, self.n_hidden)

    def steps(self, n_blocks: int = 1) -> Array:
        return np.empty((self.n_steps, self.n_samples, n_blocks * self.n_hidden), self.dtype)

    def masks(self) -> list[dict[str, Any]]:
        """Return options: without a mask, and with one in both modes."""
        real = (self.rng.random((self.n_steps, self.n_samples, 1)) < 0.6).astype(self.dtype)
        return [{}, {"mask": real}, {"mask": real, "reset": True}]

    def outputs_gradient(self) -> Array:
        dh = self.states()
        dh[0] = 0
        return dh

    def with_cuts(self, options: dict[str, Any]) -> list[dict[str, Any]]:
        return [options, options | {"first": self.n_steps - 1}]


def _draws(rng: np.random.Generator, dtype: np.dtype[Any]) -> Iterator[tuple[_Draw, dict[str, Any]]]:
    for size in SIZES:
        draw = _Draw(rng, dtype, size)
        for options in draw.masks():
            yield draw, options


def simple_rnn_forward(rng: np.random.Generator, dtype: np.dtype[Any]) -> Iterator[Arguments]:
    """Yield arguments of this kernel."""
    for draw, options in _draws(rng, dtype):
        yield draw.gates(1), draw.weights(1), draw.states(), options


def simple_rnn_backward(rng: np.random.Generator, dtype: np.dtype[Any]) -> Iterator[Arguments]:
    """Yield arguments of this kernel, as the forward leaves them."""
    for draw, mask in _draws(rng, dtype):
        z, U, h = draw.gates(1), draw.weights(1), draw.states()
        simple_rnn.simple_rnn_forward(z, U, h, **mask)
        for options in draw.with_cuts(mask):
            yield z, U, draw.outputs_gradient(), draw.steps(), options


def lstm_forward(rng: np.random.Generator, dtype: np.dtype[Any]) -> Iterator[Arguments]:
    """Yield arguments of this kernel."""
    for draw, options in _draws(rng, dtype):
        yield draw.gates(4), draw.weights(4), draw.states(), draw.states(), draw.steps(), options


def lstm_backward(rng: np.random.Generator, dtype: np.dtype[Any]) -> Iterator[Arguments]:
    """Yield arguments of this kernel, as the forward leaves them."""
    for draw, mask in _draws(rng, dtype):
        gates, U, h, c, tanh_c = draw.gates(4), draw.weights(4), draw.states(), draw.states(), draw.steps()
        lstm.lstm_forward(gates, U, h, c, tanh_c, **mask)
        for options in draw.with_cuts(mask):
            dc = draw.normal(draw.n_samples, draw.n_hidden)
            yield gates, U, c, tanh_c, draw.outputs_gradient(), dc, draw.steps(4), options


def gru_forward(rng: np.random.Generator, dtype: np.dtype[Any]) -> Iterator[Arguments]:
    """Yield arguments of this kernel."""
    for draw, options in _draws(rng, dtype):
        yield draw.gates(3), draw.weights(3), draw.states(), draw.steps(), options


def gru_backward(rng: np.random.Generator, dtype: np.dtype[Any]) -> Iterator[Arguments]:
    """Yield arguments of this kernel, as the forward leaves them."""
    for draw, mask in _draws(rng, dtype):
        gates, U, h = draw.gates(3), draw.weights(3), draw.states()
        gru.gru_forward(gates, U, h, draw.steps(), **mask)
        for options in draw.with_cuts(mask):
            yield gates, U, h, draw.outputs_gradient(), draw.steps(3), options


def gru_after_forward(rng: np.random.Generator, dtype: np.dtype[Any]) -> Iterator[Arguments]:
    """Yield arguments of this kernel."""
    for draw, options in _draws(rng, dtype):
        bias = draw.normal(3 * draw.n_hidden)
        yield draw.gates(3), draw.weights(3), bias, draw.states(), draw.steps(3), options


def gru_after_backward(rng: np.random.Generator, dtype: np.dtype[Any]) -> Iterator[Arguments]:
    """Yield arguments of this kernel, as the forward leaves them."""
    for draw, mask in _draws(rng, dtype):
        gates, U, h, kept = draw.gates(3), draw.weights(3), draw.states(), draw.steps(3)
        gru.gru_after_forward(gates, U, draw.normal(3 * draw.n_hidden), h, kept, **mask)
        for options in draw.with_cuts(mask):
            yield gates, U, h, kept, draw.outputs_gradient(), draw.steps(3), draw.steps(3), options


def recurrent_affine_backward(rng: np.random.Generator, dtype: np.dtype[Any]) -> Iterator[Arguments]:
    """Yield arguments of this kernel, with and without the gradient of inputs."""
    for n_rows, n_in, n_hidden, width in ((1, 1, 1, 1), (17, 3, 5, 20), (70, 33, 8, 67), (300, 9, 40, 33)):
        draw = _Draw(rng, dtype, (1, n_rows, n_hidden))
        delta, x, h, W = (
            draw.normal(*shape)
            for shape in ((n_rows, width), (n_rows, n_in), (n_rows, n_hidden), (n_in, width))
        )
        grads = (np.empty(shape, dtype) for shape in ((n_in, width), (n_hidden, width), (width,)))
        yield delta, x, h, W, *grads, None
        grads = (np.empty(shape, dtype) for shape in ((n_in, width), (n_hidden, width), (width,)))
        yield delta, x, h, W, *grads, np.empty((n_rows, n_in), dtype)
