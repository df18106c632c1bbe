"""Initializers whose spread follows from the fans of the weight array."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.initializers.base import Initializer, fans

__all__ = ["GlorotNormal", "GlorotUniform"]


class GlorotUniform(Initializer):
    r"""Draw from :math:`U(-a, a)`, :math:`a = \sqrt{6 / (\mathrm{fan_{in}} + \mathrm{fan_{out}})}`.

    Source: Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks,
    2010.

    Examples
    --------
    >>> import numpy as np
    >>> bool(np.abs(GlorotUniform()((3, 3), np.random.default_rng(0))).max() <= 1)
    True
    """

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
        """Return draws of ``shape``."""
        bound = math.sqrt(6 / max(sum(fans(shape)), 1))
        return rng.uniform(-bound, bound, shape)


class GlorotNormal(Initializer):
    r"""Draw from :math:`N(0, \sigma^2)`, :math:`\sigma = \sqrt{2 / (\mathrm{fan_{in}} +
    \mathrm{fan_{out}})}`.

    The distribution is not truncated. Source: Glorot and Bengio, 2010.

    Examples
    --------
    >>> GlorotNormal()((3, 4)).shape
    (3, 4)
    """

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
        """Return draws of ``shape``."""
        return rng.normal(0, math.sqrt(2 / max(sum(fans(shape)), 1)), shape)
