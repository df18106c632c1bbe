"""Dropout."""

from __future__ import annotations

from typing import Any

import numpy as np

from npdl_core.checks import check_float
from npdl_core.layers.base import Layer

__all__ = ["Dropout"]


class Dropout(Layer):
    r"""Set a random fraction of the inputs to zero while training; the identity at inference.

    :math:`y = x \circ m / (1 - p)` with :math:`m \sim \mathrm{Bernoulli}(1 - p)`, drawn anew for every
    training forward; the scaling keeps the expected value (inverted dropout).

    Parameters
    ----------
    p : float
        The fraction dropped, in [0, 1).

    Notes
    -----
    Input and output: any shape. Source: Srivastava et al., Dropout, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Dropout(0.5).connect((None, 4))
    >>> layer.forward(np.ones((1, 4)), train=False)
    array([[1., 1., 1., 1.]])
    """

    def __init__(self, p: float = 0.0) -> None:
        self.p = check_float("p", p, 0, 1, below=True)

    def forward(self, input: Any, train: bool = True) -> Any:
        """Return the input with dropped entries (train), or the input."""
        if not train:
            return input
        if self.p == 0:
            self.retain(None)
            return input
        draws = self.rng.random(out=self.work_array("draws", input.shape, np.float32), dtype=np.float32)
        scale = self.work_array("scale", input.shape, input.dtype)
        np.multiply(np.greater_equal(draws, self.p), 1 / (1 - self.p), out=scale, casting="same_kind")
        self.retain(scale)
        return np.multiply(input, scale, out=self.work_array("output", input.shape, input.dtype))

    def backward(self, pre_grad: Any) -> Any:
        """Return ``pre_grad`` through the same mask."""
        (scale,) = self.retained()
        if scale is None:
            return pre_grad
        return np.multiply(pre_grad, scale, out=self.work_array("input_grad", scale.shape, scale.dtype))
