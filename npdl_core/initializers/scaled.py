"""Initializers whose scale follows from the shape, so that signals keep their size from layer to layer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_choice, check_float, check_int
from npdl_core.initializers.base import Initializer, fans
from npdl_core.initializers.random import truncated_standard_normal

__all__ = [
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "LecunNormal",
    "LecunUniform",
    "SeqNormal",
    "TorchUniform",
    "VarianceScaling",
]

# Standard deviation of a standard normal that is cut at ±2.
_CUT_STD = 0.8796256610342398


class _Scaled(Initializer):
    """Draws of mean 0 and variance ``scale / fan``."""

    scale: float
    mode: str
    distribution: str

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
        """Return draws of ``shape``."""
        fan_in, fan_out = fans(shape)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        std = math.sqrt(self.scale / (fan or 1))
        if self.distribution == "uniform":
            bound = math.sqrt(3) * std
            return rng.uniform(-bound, bound, shape)
        if self.distribution == "truncated_normal":
            return std / _CUT_STD * truncated_standard_normal(shape, rng, 2.0)
        return rng.normal(0, std, shape)


class VarianceScaling(_Scaled):
    r"""Draw with mean 0 and variance :math:`\mathrm{scale} / \mathrm{fan}`.

    Shape (n_in, n_out) or (n_out, n_in, \*kernel).

    Parameters
    ----------
    scale : float
        The variance times the fan, above 0.
    mode : str
        ``"fan_in"``, ``"fan_out"`` or their mean ``"fan_avg"``.
    distribution : str
        ``"truncated_normal"`` (cut at two standard deviations, then widened to the variance), ``"normal"`` or
        ``"uniform"``. Keras's ``"untruncated_normal"`` is ``"normal"``.

    Notes
    -----
    The initializers named after people are cases of this one.

    Examples
    --------
    >>> import numpy as np
    >>> values = VarianceScaling(2.0, "fan_out", "uniform")((3, 6), np.random.default_rng(0))
    >>> bool(np.abs(values).max() <= 1)
    True
    """

    def __init__(
        self, scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal"
    ) -> None:
        self.scale = check_float("scale", scale, 0, above=True)
        self.mode = check_choice("mode", mode, ("fan_in", "fan_out", "fan_avg"))
        self.distribution = check_choice(
            "distribution", distribution, ("truncated_normal", "normal", "uniform", "untruncated_normal")
        )


class GlorotUniform(_Scaled):
    r"""Draw from :math:`U(-a, a)`, :math:`a = \sqrt{6 / (\mathrm{fan_{in}} + \mathrm{fan_{out}})}`.

    Shape (n_in, n_out) or (n_out, n_in, \*kernel). Source: Glorot and Bengio, Understanding the difficulty of
    training deep feedforward neural networks, 2010.

    Examples
    --------
    >>> import numpy as np
    >>> bool(np.abs(GlorotUniform()((3, 3), np.random.default_rng(0))).max() <= 1)
    True
    """

    scale, mode, distribution = 1.0, "fan_avg", "uniform"


class GlorotNormal(_Scaled):
    r"""Draw from :math:`N(0, \sigma^2)`, :math:`\sigma^2 = 2 / (\mathrm{fan_{in}} + \mathrm{fan_{out}})`.

    Shape (n_in, n_out) or (n_out, n_in, \*kernel). The distribution is not truncated. Source: Glorot and
    Bengio, 2010.

    Examples
    --------
    >>> GlorotNormal()((3, 4)).shape
    (3, 4)
    """

    scale, mode, distribution = 1.0, "fan_avg", "normal"


class HeUniform(_Scaled):
    r"""Draw from :math:`U(-a, a)`, :math:`a = \sqrt{6 / \mathrm{fan_{in}}}`.

    Shape (n_in, n_out) or (n_out, n_in, \*kernel). Source: He et al., Delving deep into rectifiers, 2015.

    Examples
    --------
    >>> import numpy as np
    >>> bool(np.abs(HeUniform()((6, 3), np.random.default_rng(0))).max() <= 1)
    True
    """

    scale, mode, distribution = 2.0, "fan_in", "uniform"


class HeNormal(_Scaled):
    r"""Draw from :math:`N(0, \sigma^2)`, :math:`\sigma^2 = 2 / \mathrm{fan_{in}}`.

    Shape (n_in, n_out) or (n_out, n_in, \*kernel). The distribution is not truncated. Source: He et al.,
    2015.

    Examples
    --------
    >>> HeNormal()((8, 3, 5, 5)).shape
    (8, 3, 5, 5)
    """

    scale, mode, distribution = 2.0, "fan_in", "normal"


class LecunUniform(_Scaled):
    r"""Draw from :math:`U(-a, a)`, :math:`a = \sqrt{3 / \mathrm{fan_{in}}}`.

    Shape (n_in, n_out) or (n_out, n_in, \*kernel). Source: LeCun et al., Efficient backprop, 1998.

    Examples
    --------
    >>> import numpy as np
    >>> bool(np.abs(LecunUniform()((3, 4), np.random.default_rng(0))).max() <= 1)
    True
    """

    scale, mode, distribution = 1.0, "fan_in", "uniform"


class LecunNormal(_Scaled):
    r"""Draw from :math:`N(0, \sigma^2)`, :math:`\sigma^2 = 1 / \mathrm{fan_{in}}`.

    Shape (n_in, n_out) or (n_out, n_in, \*kernel). The distribution is not truncated. Source: LeCun et al.,
    1998; the initializer for ``selu``.

    Examples
    --------
    >>> LecunNormal()((3, 4)).shape
    (3, 4)
    """

    scale, mode, distribution = 1.0, "fan_in", "normal"


class _PerFan(Initializer):
    """Draws of a scale that follows from a fan, which is given or that of the shape."""

    def __init__(self, fan: int | None = None) -> None:
        self.fan = None if fan is None else check_int("fan", fan, 1)

    def size(self, shape: tuple[int, ...]) -> float:
        """Return 1 / √fan."""
        return 1 / math.sqrt(self.fan or fans(shape)[0] or 1)


class TorchUniform(_PerFan):
    r"""Draw from :math:`U(-a, a)`, :math:`a = 1 / \sqrt{\mathrm{fan}}`, as PyTorch and Torch7 do; any shape.

    Parameters
    ----------
    fan : int, optional
        fan-in of the shape by default. A bias needs that of its weights; PyTorch's recurrent layers take H.

    Examples
    --------
    >>> import numpy as np
    >>> bool(np.abs(TorchUniform(fan=4)((3,), np.random.default_rng(0))).max() <= 0.5)
    True
    """

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
        """Return draws of ``shape``."""
        bound = self.size(shape)
        return rng.uniform(-bound, bound, shape)


class SeqNormal(_PerFan):
    r"""Draw from :math:`N(0, 1 / \mathrm{fan})`, as Element-Research's SeqLSTM and SeqGRU do; any shape.

    Parameters
    ----------
    fan : int, optional
        D + H there, for input weights (D, kH) and recurrent weights (H, kH) alike; fan-in of the shape by
        default, which is D + H for the two stacked (D + H, kH).

    Examples
    --------
    >>> SeqNormal(fan=7)((3, 16)).shape
    (3, 16)
    """

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
        """Return draws of ``shape``."""
        return rng.normal(0, self.size(shape), shape)
