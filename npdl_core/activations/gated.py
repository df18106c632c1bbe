"""The input times a gate that it opens itself."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.activations.base import Activation, floating, prepare
from npdl_core.activations.normal import normal_cdf, normal_density
from npdl_core.activations.sigmoids import sigmoid
from npdl_core.checks import check_bool

__all__ = ["GELU", "HardSwish", "Mish", "SiLU"]


class SiLU(Activation):
    r"""Sigmoid-weighted linear unit, or swish: :math:`y = x \sigma(x)`, any shape.

    The derivative is :math:`\sigma(x) (1 + x (1 - \sigma(x)))`. Sources: Elfwing et al., Sigmoid-weighted
    linear units, 2018; Ramachandran et al., Searching for activation functions, 2017.

    Examples
    --------
    >>> import numpy as np
    >>> SiLU()(np.array([-1.0, 0.0, 2.0])).round(4)
    array([-0.2689,  0.    ,  1.7616])
    """

    def __call__(self, x: Any, out: NDArray[Any] | None = None) -> Any:
        """Return x σ(x)."""
        x = floating(x)
        return np.multiply(x, sigmoid(x), out=out)

    def vjp(self, pre_grad: Any, x: Any, y: Any, out: NDArray[Any] | None = None) -> Any:
        """Return ``pre_grad`` times σ + y (1 - σ)."""
        gate = sigmoid(x)
        slope = np.subtract(1, gate)
        slope *= y
        slope += gate
        return np.multiply(pre_grad, slope, out=out)


class GELU(Activation):
    r"""Gaussian error linear unit: :math:`y = x \Phi(x)`, any shape.

    With the standard normal's distribution function and density the derivative is
    :math:`\Phi(x) + x \varphi(x)`.

    Parameters
    ----------
    approximate : bool or str
        True or ``"tanh"`` for :math:`\tfrac12 x (1 + \tanh(\sqrt{2 / \pi}\,(x + 0.044715\,x^3)))` and its
        derivative; False or ``"none"`` for the exact function.

    Notes
    -----
    Source: Hendrycks and Gimpel, Gaussian error linear units, 2016.

    Examples
    --------
    >>> import numpy as np
    >>> GELU()(np.array([-1e4, -1.0, 1.0])).round(4)
    array([-0.    , -0.1587,  0.8413])
    """

    def __init__(self, approximate: bool | str = False) -> None:
        named = {"none": False, "tanh": True}.get(approximate) if isinstance(approximate, str) else None
        self.approximate = check_bool("approximate", approximate) if named is None else named

    def __call__(self, x: Any, out: NDArray[Any] | None = None) -> Any:
        """Return x Φ(x)."""
        x = floating(x)
        gate = _tanh_gate(x)[0] if self.approximate else normal_cdf(x)
        return np.multiply(x, gate, out=out)

    def vjp(self, pre_grad: Any, x: Any, y: Any, out: NDArray[Any] | None = None) -> Any:
        """Return ``pre_grad`` times Φ(x) + x φ(x)."""
        x = floating(x)
        if self.approximate:
            gate, slope = _tanh_gate(x)
        else:
            # y / x saves the polynomial of normal_cdf; at 0 it is Φ(0).
            gate = np.divide(y, x, out=np.full_like(x, 0.5), where=np.not_equal(x, 0))
            slope = normal_density(x)
        slope *= x
        slope += gate
        return np.multiply(pre_grad, slope, out=out)


def _tanh_gate(x: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the approximate gate and its derivative; beyond ±10 it is constant in every dtype."""
    near = np.clip(x, -10, 10)
    squared = near * near
    scale = math.sqrt(2 / math.pi)
    gate = np.tanh(near * (squared * (scale * 0.044715) + scale))
    slope = (1 - gate * gate) * (squared * (1.5 * scale * 0.044715) + 0.5 * scale)
    gate *= 0.5
    gate += 0.5
    return gate, slope


class Mish(Activation):
    r"""Mish: :math:`y = x \tanh(\ln(1 + e^x))`, any shape.

    With the gate :math:`t = \tanh(\ln(1 + e^x)) = n / (n + 2)`, :math:`n = e^x (e^x + 2)`, the derivative is
    :math:`t + x (1 - t^2) \sigma(x)`. Source: Misra, Mish: a self regularized non-monotonic activation
    function, 2019.

    Examples
    --------
    >>> import numpy as np
    >>> Mish()(np.array([-1e4, -1.0, 1.0])).round(4)
    array([-0.    , -0.3034,  0.8651])
    """

    def __call__(self, x: Any, out: NDArray[Any] | None = None) -> Any:
        """Return x tanh(ln(1 + exp x))."""
        x = floating(x)
        return np.multiply(x, _mish_gate(x), out=out)

    def vjp(self, pre_grad: Any, x: Any, y: Any, out: NDArray[Any] | None = None) -> Any:
        """Return ``pre_grad`` times t + x (1 - t²) σ(x)."""
        x = floating(x)
        gate = _mish_gate(x)
        slope = np.multiply(gate, gate)
        slope = np.subtract(1, slope)
        slope *= sigmoid(x)
        slope *= x
        slope += gate
        return np.multiply(pre_grad, slope, out=out)


def _mish_gate(x: NDArray[Any]) -> NDArray[Any]:
    """Return n / (n + 2), which rounds to 1 before n can overflow."""
    saturated = 0.5 * math.log(8 / float(np.finfo(x.dtype).eps))
    gate = np.minimum(x, saturated, out=np.empty_like(x))
    np.exp(gate, out=gate)
    gate *= gate + 2
    gate /= gate + 2
    return np.asarray(gate)


class HardSwish(Activation):
    r"""Swish with a straight-line gate: :math:`y = x \min(\max(0, x / 6 + \tfrac12), 1)`, any shape.

    The derivative is 0 up to -3, 1 from 3 on, and :math:`x / 3 + \tfrac12` between them. Source: Howard et
    al., Searching for MobileNetV3, 2019.

    Examples
    --------
    >>> import numpy as np
    >>> HardSwish()(np.array([-4.0, 1.5, 4.0]))
    array([-0.   ,  1.125,  4.   ])
    """

    def __call__(self, x: Any, out: NDArray[Any] | None = None) -> Any:
        """Return x times x / 6 + ½ between 0 and 1."""
        x, gate = prepare(x, None)
        np.multiply(x, 1 / 6, out=gate)
        gate += 0.5
        return np.multiply(x, np.clip(gate, 0, 1, out=gate), out=out)

    def vjp(self, pre_grad: Any, x: Any, y: Any, out: NDArray[Any] | None = None) -> Any:
        """Return ``pre_grad`` times 0, x / 3 + ½ or 1."""
        x, slope = prepare(x, None)
        np.multiply(x, 1 / 3, out=slope)
        slope += 0.5
        slope[np.less_equal(x, -3)] = 0
        slope[np.greater_equal(x, 3)] = 1
        return np.multiply(pre_grad, slope, out=out)
