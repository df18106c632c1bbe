"""Layers that add or multiply noise while training, and hand their input on at inference."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from npdl_core.checks import check_float
from npdl_core.layers.base import Layer

__all__ = ["AlphaDropout", "GaussianDropout", "GaussianNoise"]

_ALPHA_PRIME = -1.7580993408473766
"""The value that SELU approaches at minus infinity, -scale · alpha."""


class GaussianNoise(Layer):
    r"""Add noise while training: :math:`y = x + \epsilon`, :math:`\epsilon \sim N(0, \mathrm{std}^2)`.

    Parameters
    ----------
    std : float
        Standard deviation, at least 0.

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
        if not train or self.std == 0:
            return input
        return input + (self.std * self.rng.standard_normal(input.shape)).astype(input.dtype)

    def backward(self, pre_grad: Any) -> Any:
        """Return ``pre_grad``."""
        return pre_grad


class GaussianDropout(Layer):
    r"""Multiply by noise while training.

    :math:`y = x (1 + \epsilon)`, :math:`\epsilon \sim N(0, p / (1 - p))`.

    Parameters
    ----------
    p : float
        The fraction that a dropout of the same variance would drop, in [0, 1).

    Notes
    -----
    Source: Srivastava et al., Dropout, 2014, section 10.

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
        std = math.sqrt(self.p / (1 - self.p))
        factor = (1 + std * self.rng.standard_normal(input.shape)).astype(input.dtype)
        self.retain(factor)
        return input * factor

    def backward(self, pre_grad: Any) -> Any:
        """Return ``pre_grad`` times the same noise."""
        (factor,) = self.retained()
        return pre_grad * factor


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
        scale = 1 / math.sqrt(keep + _ALPHA_PRIME**2 * keep * self.p)
        kept = (self.rng.random(input.shape) < keep).astype(input.dtype)
        self.retain(kept * scale)
        return np.asarray(
            scale * (input * kept + _ALPHA_PRIME * (1 - kept)) - scale * self.p * _ALPHA_PRIME,
            dtype=input.dtype,
        )

    def backward(self, pre_grad: Any) -> Any:
        """Return ``pre_grad`` through the kept entries."""
        (factor,) = self.retained()
        return pre_grad * factor
