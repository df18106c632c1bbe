"""Draws of positive numbers, learned by rewards."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_float
from npdl_rnn.layers.reinforce import ReinforceScaled

__all__ = ["ReinforceGamma", "digamma"]

Array = NDArray[Any]

SHIFT = 8
"""By how much an argument is raised to where the series of the digamma function is exact to rounding."""


class ReinforceGamma(ReinforceScaled):
    r"""Draw from gamma distributions: :math:`a \sim \Gamma(k, \theta)`.

    Gradients: :math:`-r (\ln a - \psi(k) - \ln \theta)` for the shape k, and
    :math:`-r (a / \theta^2 - k / \theta)` for the scale :math:`\theta`, with the reward r and the digamma
    function :math:`\psi`.

    Parameters
    ----------
    scale : float, optional
        :math:`\theta`, the same for all. None: it is the second input.

    Notes
    -----
    Input k (N, ...), positive, or a list of k and a positive :math:`\theta` of the same shape; the output has
    that shape too, and is :math:`k \theta` at inference. Source: Williams, Simple statistical
    gradient-following algorithms, 1992.

    Raises
    ------
    ShapeError
        If there are two inputs and a ``scale``, or one without; or two of different shapes.

    Examples
    --------
    >>> layer = ReinforceGamma(0.5).connect((None, 1))
    >>> layer.forward(np.array([[3.0]]), train=False)
    array([[1.5]])
    """

    named: ClassVar[tuple[str, str]] = ("shape", "scale")

    def __init__(self, scale: float | None = None) -> None:
        self.second = None if scale is None else check_float("scale", scale, 0, above=True)

    def draw(self, input: Any) -> Array:
        """Return positive numbers."""
        shape, scale = self.parts(input)
        drawn = np.maximum(self.rng.standard_gamma(shape), np.finfo(shape.dtype).tiny)
        return np.asarray((scale * drawn).astype(shape.dtype, copy=False))

    def expected(self, input: Any) -> Array:
        """Return k θ."""
        shape, scale = self.parts(input)
        return np.asarray(shape * scale)

    def score(self, input: Any, action: Array) -> Any:
        """Return ln a - ψ(k) - ln θ, and if θ is an input a / θ² - k / θ."""
        shape, scale = self.parts(input)
        slope = np.log(action / scale) - digamma(shape)
        if self.second is not None:
            return slope
        return [slope, action / scale**2 - shape / scale]


def digamma(x: Array) -> Array:
    r"""Return :math:`\psi(x) = \mathrm{d} \ln \Gamma(x) / \mathrm{d} x` of positive numbers.

    :math:`\psi(x) = \psi(x + n) - \sum_{i<n} 1 / (x + i)` with the asymptotic series
    :math:`\psi(y) \approx \ln y - 1/2y - 1/12y^2 + 1/120y^4 - 1/252y^6 + 1/240y^8`.

    Examples
    --------
    >>> float(round(-digamma(np.array(1.0)), 9))  # Euler's constant
    0.577215665
    """
    y = x + SHIFT
    below = sum(1 / (x + i) for i in range(SHIFT))
    square = 1 / y**2
    series = square * (1 / 12 - square * (1 / 120 - square * (1 / 252 - square / 240)))
    return np.asarray(np.log(y) - 0.5 / y - series - below)
