"""Distributions with parameters of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_float
from npdl_core.errors import ConfigError
from npdl_core.initializers.base import Initializer

__all__ = ["Normal", "TruncatedNormal", "Uniform", "truncated_standard_normal"]


class Uniform(Initializer):
    r"""Draw from the uniform distribution; any shape.

    Parameters
    ----------
    scale : float or (float, float)
        A number s stands for :math:`(-s, s)`; a pair gives the bounds.

    Examples
    --------
    >>> import numpy as np
    >>> values = Uniform((0.2, 0.3))((1000,), np.random.default_rng(0))
    >>> bool(values.min() >= 0.2 and values.max() <= 0.3)
    True
    """

    def __init__(self, scale: Any = 0.05) -> None:
        if isinstance(scale, (tuple, list)):
            if len(scale) != 2:
                raise ConfigError(f"scale must be a number or a pair (low, high), got {len(scale)} numbers")
            self.low, self.high = check_float("scale[0]", scale[0]), check_float("scale[1]", scale[1])
            if self.low > self.high:
                raise ConfigError(
                    f"scale must be (low, high) with low <= high, got ({self.low}, {self.high})"
                )
        else:
            self.high = check_float("scale", scale, 0)
            self.low = -self.high

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
        """Return draws of ``shape``."""
        return rng.uniform(self.low, self.high, shape)


class Normal(Initializer):
    r"""Draw from :math:`N(\mathrm{mean}, \mathrm{std}^2)`; any shape.

    Parameters
    ----------
    std : float
        Standard deviation, at least 0.
    mean : float
        Mean.

    Examples
    --------
    >>> import numpy as np
    >>> round(float(Normal(0.5, 2.0)((10000,), np.random.default_rng(0)).mean()), 1)
    2.0
    """

    def __init__(self, std: float = 0.01, mean: float = 0.0) -> None:
        self.std = check_float("std", std, 0)
        self.mean = check_float("mean", mean)

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
        """Return draws of ``shape``."""
        return rng.normal(self.mean, self.std, shape)


class TruncatedNormal(Normal):
    r"""Draw from :math:`N(\mathrm{mean}, \mathrm{std}^2)`, again while it is too far off; any shape.

    Parameters
    ----------
    std : float
        Standard deviation of the distribution before it is cut, at least 0.
    mean : float
        Mean.
    cutoff : float
        How many standard deviations are too far, at least 0.5. With 2, what is left has the standard
        deviation 0.8796 std.

    Examples
    --------
    >>> import numpy as np
    >>> values = TruncatedNormal(std=1.0)((1000,), np.random.default_rng(0))
    >>> bool(np.abs(values).max() <= 2)
    True
    """

    def __init__(self, std: float = 0.01, mean: float = 0.0, cutoff: float = 2.0) -> None:
        super().__init__(std, mean)
        self.cutoff = check_float("cutoff", cutoff, 0.5)

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
        """Return draws of ``shape``."""
        return self.mean + self.std * truncated_standard_normal(shape, rng, self.cutoff)


def truncated_standard_normal(
    shape: tuple[int, ...], rng: np.random.Generator, cutoff: float
) -> NDArray[Any]:
    """Return standard normal draws between -cutoff and cutoff; what lies outside is drawn again."""
    values = np.asarray(rng.standard_normal(shape))
    outside = np.abs(values) > cutoff
    while outside.any():
        values[outside] = rng.standard_normal(int(outside.sum()))
        outside = np.abs(values) > cutoff
    return values
