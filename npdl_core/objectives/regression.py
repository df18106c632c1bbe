"""Objectives for numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core import kernels
from npdl_core.activations.rectifiers import softplus
from npdl_core.checks import check_bool, check_float
from npdl_core.objectives.base import Both, Objective

__all__ = ["Huber", "LogCosh", "MeanAbsoluteError", "MeanSquaredError", "Poisson"]


class MeanSquaredError(Objective):
    r"""Half the squared distance: :math:`l = \tfrac12 \sum_j (p_j - t_j)^2`, averaged over positions.

    Parameters
    ----------
    reduction : str
        See :class:`Objective`.

    Notes
    -----
    Outputs and targets (..., K). The gradient is p - t over the number of positions. Libraries that average
    over K as well differ by the factor K / 2; the metric ``mse`` is the plain mean.

    Examples
    --------
    >>> import numpy as np
    >>> MeanSquaredError().forward(np.array([[1.0, 2.0]]), np.array([[0.0, 0.0]]))
    2.5
    """

    def losses(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return ½ Σ (p - t)²."""
        difference = outputs - targets
        return np.asarray(0.5 * np.vecdot(difference, difference))

    def gradients(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return p - t."""
        return np.asarray(outputs - targets)

    def losses_and_gradients(self, outputs: NDArray[Any], targets: NDArray[Any], scale: float) -> Both:
        """Return both, with the difference taken once, the gradient laid out as the outputs are."""
        losses, grads = np.empty(outputs.shape[:-1], outputs.dtype), np.empty_like(outputs, subok=False)
        kernels.squared_error(outputs, targets, scale, losses, grads)
        return losses, grads


class MeanAbsoluteError(Objective):
    r"""Sum of absolute differences: :math:`l = \sum_j |p_j - t_j|`, averaged over positions.

    Parameters
    ----------
    reduction : str
        See :class:`Objective`.

    Notes
    -----
    Outputs and targets (..., K). The derivative is the sign of the difference, 0 at 0. Libraries that average
    over K as well differ by the factor K; the metric ``mae`` is the plain mean.

    Examples
    --------
    >>> import numpy as np
    >>> MeanAbsoluteError().forward(np.array([[1.0, -2.0]]), np.array([[0.0, 0.0]]))
    3.0
    """

    def losses(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return Σ |p - t|."""
        difference = outputs - targets
        return np.asarray(np.add.reduce(np.abs(difference, out=difference), axis=-1))

    def gradients(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return sign(p - t)."""
        return np.asarray(np.sign(outputs - targets))


class Huber(Objective):
    r"""Squared near the target, straight far from it: :math:`l = \sum_j h(p_j - t_j)`.

    :math:`h(d) = \tfrac12 d^2` for :math:`|d| \le \delta`, else :math:`\delta (|d| - \tfrac12 \delta)`.

    Parameters
    ----------
    delta : float
        Where the straight part begins, above 0.
    reduction : str
        See :class:`Objective`.

    Notes
    -----
    Outputs and targets (..., K). The derivative is d between -delta and delta. PyTorch's smooth L1 loss is
    this over delta. Source: Huber, Robust estimation of a location parameter, 1964.

    Examples
    --------
    >>> import numpy as np
    >>> Huber().forward(np.array([[0.5, 3.0]]), np.array([[0.0, 0.0]]))
    2.625
    """

    def __init__(self, delta: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.delta = check_float("delta", delta, 0, above=True)

    def losses(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return Σ h(p - t)."""
        size = np.abs(outputs - targets)
        near = np.minimum(size, self.delta)
        return np.asarray(np.add.reduce(near * (size - 0.5 * near), axis=-1))

    def gradients(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return p - t between -delta and delta."""
        difference = np.subtract(outputs, targets)
        np.clip(difference, -self.delta, self.delta, out=difference)
        return np.asarray(difference)


class LogCosh(Objective):
    r"""Logarithm of the hyperbolic cosine: :math:`l = \sum_j \ln \cosh(p_j - t_j)`.

    Parameters
    ----------
    reduction : str
        See :class:`Objective`.

    Notes
    -----
    Outputs and targets (..., K). The derivative is tanh(p - t). Computed as
    :math:`d + \ln(1 + e^{-2d}) - \ln 2`, which cannot overflow.

    Examples
    --------
    >>> import numpy as np
    >>> round(LogCosh().forward(np.array([[1.0, 1e4]]), np.array([[0.0, 0.0]])), 4)
    9999.7406
    """

    def losses(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return Σ ln cosh(p - t)."""
        difference = outputs - targets
        parts = difference + softplus(-2 * difference) - math.log(2)
        return np.asarray(np.add.reduce(parts, axis=-1))

    def gradients(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return tanh(p - t)."""
        difference = np.subtract(outputs, targets)
        np.tanh(difference, out=difference)
        return np.asarray(difference)


class Poisson(Objective):
    r"""Negative log-likelihood of counts, but for a constant: :math:`l = \sum_j (p_j - t_j \ln p_j)`.

    Parameters
    ----------
    epsilon : float
        Lower bound of p in the logarithm and in its slope.
    log_input : bool
        Outputs are ln p, so :math:`l = \sum_j (e^{x_j} - t_j x_j)`.
    reduction : str
        See :class:`Objective`.

    Notes
    -----
    Outputs and targets (..., K): rates p, and counts. The derivative is 1 - t / p, or :math:`e^x - t`.

    Examples
    --------
    >>> import numpy as np
    >>> round(Poisson().forward(np.array([[2.0]]), np.array([[3.0]])), 4)
    -0.0794
    """

    def __init__(self, epsilon: float = 1e-11, log_input: bool = False, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.epsilon = check_float("epsilon", epsilon, 0, above=True)
        self.log_input = check_bool("log_input", log_input)

    def losses(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return Σ (p - t ln p)."""
        if self.log_input:
            parts = np.exp(outputs) - targets * outputs
        else:
            parts = outputs - targets * np.log(np.maximum(outputs, self.epsilon))
        return np.asarray(np.add.reduce(parts, axis=-1))

    def gradients(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return 1 - t / p, or exp(x) - t."""
        if self.log_input:
            return np.asarray(np.exp(outputs) - targets)
        return np.asarray(1 - targets / np.maximum(outputs, self.epsilon))
