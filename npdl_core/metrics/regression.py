"""Metrics of numbers."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.metrics.base import Metric
from npdl_core.objectives.base import match_targets, position_weights

__all__ = ["MAE", "MSE", "R2"]


def _numbers(
    outputs: Any, targets: Any, mask: Any, weight: Any, who: str
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return predictions, targets (..., K) and weights (...), unweighted garbage set to zero."""
    predicted, wanted = np.asarray(outputs, np.float64), np.asarray(targets, np.float64)
    if predicted.ndim > 2 and predicted.shape[-1] == 1 and wanted.shape == predicted.shape[:-1]:
        wanted = wanted[..., None]
    predicted, wanted = match_targets(predicted, wanted, who)
    weights = position_weights(predicted.shape[:-1], mask, weight, who)
    if weights is None:
        return predicted, wanted, np.ones(predicted.shape[:-1])
    counted = (weights > 0)[..., None]
    return np.where(counted, predicted, 0), np.where(counted, wanted, 0), weights


class _MeanError(Metric):
    """Weighted mean of an error over positions and outputs."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._total = 0.0
        self._weight = 0.0

    @abstractmethod
    def error(self, difference: NDArray[Any]) -> NDArray[Any]:
        """Return the error of each entry."""

    def update(self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None) -> None:
        """Take a batch in."""
        predicted, wanted, weights = _numbers(outputs, targets, mask, sample_weight, str(self))
        errors = self.error(predicted - wanted).mean(axis=-1)
        self._total += float((errors * weights).sum())
        self._weight += float(weights.sum())

    def result(self) -> float:
        """Return the mean, NaN without data."""
        return self._total / self._weight if self._weight else float("nan")


class MSE(_MeanError):
    r"""Mean of :math:`(p - t)^2` over positions and outputs.

    Examples
    --------
    >>> metric = MSE()
    >>> metric.update([[1.0], [3.0]], [[1.0], [1.0]])
    >>> metric.result()
    2.0
    """

    def error(self, difference: NDArray[Any]) -> NDArray[Any]:
        """Return the square."""
        return np.square(difference)


class MAE(_MeanError):
    r"""Mean of :math:`|p - t|` over positions and outputs.

    Examples
    --------
    >>> metric = MAE()
    >>> metric.update([[1.0], [3.0]], [[1.0], [1.0]])
    >>> metric.result()
    1.0
    """

    def error(self, difference: NDArray[Any]) -> NDArray[Any]:
        """Return the absolute value."""
        return np.abs(difference)


class R2(Metric):
    r"""Coefficient of determination: :math:`1 - \sum (t - p)^2 / \sum (t - \bar t)^2`, averaged over outputs.

    An output whose targets do not vary counts as 1 if it is predicted exactly, else 0, as scikit-learn does;
    fewer than two samples give NaN.

    Examples
    --------
    >>> metric = R2()
    >>> metric.update([[1.0], [2.0], [3.0]], [[1.0], [2.0], [3.0]])
    >>> metric.result()
    1.0
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._count = 0
        self._weight = 0.0
        self._mean: Any = 0.0
        self._spread: Any = 0.0
        self._residual: Any = 0.0

    def update(self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None) -> None:
        """Take a batch in; mean and spread are updated in a way that does not cancel (Chan et al., 1979)."""
        predicted, wanted, weights = _numbers(outputs, targets, mask, sample_weight, "r2")
        n_out = predicted.shape[-1]
        flat, column = wanted.reshape(-1, n_out), weights.reshape(-1, 1)
        weight = float(column.sum())
        if not weight:
            return
        mean = (flat * column).sum(axis=0) / weight
        spread = (np.square(flat - mean) * column).sum(axis=0)
        total = self._weight + weight
        self._spread = self._spread + spread + np.square(mean - self._mean) * (self._weight * weight / total)
        self._mean = self._mean + (mean - self._mean) * (weight / total)
        self._residual = self._residual + (np.square(predicted.reshape(-1, n_out) - flat) * column).sum(
            axis=0
        )
        self._weight = total
        self._count += int(np.count_nonzero(column))

    def result(self) -> float:
        """Return the coefficient."""
        if self._count < 2:
            return float("nan")
        varies = self._spread > 0
        ratio = self._residual / np.where(varies, self._spread, 1)
        return float(np.where(varies, 1 - ratio, np.where(self._residual == 0, 1.0, 0.0)).mean())
