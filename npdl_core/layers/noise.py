"""Layers that add or multiply noise while training, and hand their input on at inference."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_float
from npdl_core.layers.base import Layer

__all__ = ["AlphaDropout", "GaussianDropout", "GaussianNoise"]

ALPHA_PRIME = -1.7580993408473766
"""The value that SELU approaches at minus infinity, -scale · alpha."""


class _Noise(Layer):
    """Draws an array of noise for every training forward."""

    def _normal(self, name: str, shape: tuple[int, ...], mean: float, std: float) -> NDArray[Any]:
        noise = self.work_array(name, shape)
        self.rng.standard_normal(out=noise, dtype=self.dtype.type)
        noise *= std
        noise += mean
        return noise


class GaussianNoise(_Noise):
    r"""Add noise while training: :math:`y = x + \epsilon`, :math:`\epsilon \sim N(0, \mathrm{std}^2)`.

    Parameters
    ----------
    std : float
        Standard deviation, at least 0.

    Notes
    -----
    Input and output: any shape.

    Examples
    --------
    >>> import numpy as np
    >>> GaussianNoise(0.1).connect((None, 2)).forward(np.ones((1, 2)), train=False)
    array([[1., 1.]])
    """

    def __init__(self, std: float = 0.1) -> None:
        self.std = check_float("std", std, 0)

    def forward(self, input: Any, train: bool = True) -> Any:
        """Return the input with noise (train), or the input."""
        if not train:
            return input
        noise = self._normal("output", input.shape, 0.0, self.std)
        return np.add(input, noise, out=noise, casting="same_kind")

    def backward(self, pre_grad: Any) -> Any:
        """Return ``pre_grad``."""
        return pre_grad


class GaussianDropout(_Noise):
    r"""Multiply by noise while training: :math:`y = x f`, :math:`f \sim N(1, p / (1 - p))`.

    Parameters
    ----------
    p : float
        The fraction that a dropout of the same variance would drop, in [0, 1).

    Notes
    -----
    Input and output: any shape. Source: Srivastava et al., Dropout, 2014, section 10.

    Examples
    --------
    >>> import numpy as np
    >>> GaussianDropout(0.5).connect((None, 2)).forward(np.ones((1, 2)), train=False)
    array([[1., 1.]])
    """

    def __init__(self, p: float = 0.5) -> None:
        self.p = check_float("p", p, 0, 1, below=True)

    def forward(self, input: Any, train: bool = True) -> Any:
        """Return the input times noise (train), or the input."""
        if not train:
            return input
        factor = self._normal("factor", input.shape, 1.0, math.sqrt(self.p / (1 - self.p)))
        self.retain(factor)
        return np.multiply(input, factor, out=self.work_array("output", factor.shape), casting="same_kind")

    def backward(self, pre_grad: Any) -> Any:
        """Return ``pre_grad`` times the same noise."""
        (factor,) = self.retained()
        return np.multiply(pre_grad, factor, out=self.work_array("input_grad", factor.shape))


class AlphaDropout(Layer):
    r"""Dropout for SELU networks: dropped entries become SELU's lower limit, mean and variance are kept.

    :math:`y = a (x \circ m + \alpha' (1 - m)) + b`, :math:`m \sim \mathrm{Bernoulli}(q)`, :math:`q = 1 - p`,
    :math:`\alpha' \approx -1.7581`, :math:`a = (q + \alpha'^2 q p)^{-1/2}`, :math:`b = -a p \alpha'`.

    Parameters
    ----------
    p : float
        The fraction dropped, in [0, 1).

    Notes
    -----
    Input and output: any shape. Mean 0 and variance 1 are kept exactly, in expectation.
    Source: Klambauer et al., Self-normalizing neural networks, 2017.

    Examples
    --------
    >>> import numpy as np
    >>> AlphaDropout(0.5).connect((None, 2)).forward(np.ones((1, 2)), train=False)
    array([[1., 1.]])
    """

    def __init__(self, p: float = 0.1) -> None:
        self.p = check_float("p", p, 0, 1, below=True)

    def forward(self, input: Any, train: bool = True) -> Any:
        """Return the input with dropped entries (train), or the input."""
        if not train:
            return input
        keep = 1 - self.p
        scale = 1 / math.sqrt(keep + ALPHA_PRIME**2 * keep * self.p)
        draws = self.rng.random(out=self.work_array("draws", input.shape, np.float32), dtype=np.float32)
        kept = np.greater_equal(draws, self.p)
        factor = np.multiply(kept, scale, out=self.work_array("factor", input.shape), casting="same_kind")
        self.retain(factor)
        out = np.multiply(input, factor, out=self.work_array("output", input.shape), casting="same_kind")
        out += np.where(kept, -scale * self.p * ALPHA_PRIME, scale * keep * ALPHA_PRIME)
        return out

    def backward(self, pre_grad: Any) -> Any:
        """Return ``pre_grad`` through the kept entries."""
        (factor,) = self.retained()
        return np.multiply(pre_grad, factor, out=self.work_array("input_grad", factor.shape))
