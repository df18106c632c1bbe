"""Metrics of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import DataError
from npdl_core.metrics.accuracy import WeightedMean
from npdl_core.metrics.base import Metric
from npdl_core.metrics.positions import Positions, counted

__all__ = ["MAE", "MSE", "R2"]


def _numbers(positions: Positions, who: object) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return predictions and targets (P, K)."""
    if positions.targets.ndim == 1:
        raise DataError(
            f"{who}: targets must have the outputs' shape (..., {positions.outputs.shape[-1]}), "
            "got one number for each position; nothing is broadcast"
        )
    return positions.outputs.astype(np.float64), positions.targets.astype(np.float64)


class MSE(WeightedMean):
    r"""Mean of :math:`(p - t)^2` over positions and outputs.

    Notes
    -----
    Outputs p and targets t of one shape, (N,) or (..., K).

    Raises
    ------
    DataError
        In ``update``, if shapes do not fit.

    Examples
    --------
    >>> metric = MSE()
    >>> metric.update([[1.0], [3.0]], [[1.0], [1.0]])
    >>> metric.result()
    2.0
    """

    def values(self, positions: Positions) -> NDArray[Any]:
        """Return the mean square of each position."""
        predicted, wanted = _numbers(positions, self)
        return np.asarray(np.square(predicted - wanted).mean(axis=-1))


class MAE(WeightedMean):
    r"""Mean of :math:`|p - t|` over positions and outputs.

    Notes
    -----
    Outputs p and targets t of one shape, (N,) or (..., K).

    Raises
    ------
    DataError
        In ``update``, if shapes do not fit.

    Examples
    --------
    >>> metric = MAE()
    >>> metric.update([[1.0], [3.0]], [[1.0], [1.0]])
    >>> metric.result()
    1.0
    """

    def values(self, positions: Positions) -> NDArray[Any]:
        """Return the mean absolute value of each position."""
        predicted, wanted = _numbers(positions, self)
        return np.asarray(np.abs(predicted - wanted).mean(axis=-1))


class R2(Metric):
    r"""Coefficient of determination: :math:`1 - \sum w (t - p)^2 / \sum w (t - \bar t)^2`.

    With several outputs, the mean of theirs. One whose targets do not vary counts as 1 if it is predicted
    exactly, else as 0; fewer than two positions give NaN. That is scikit-learn's rule.

    Notes
    -----
    Outputs p and targets t of one shape, (N,) or (..., K). Means and spreads of batches are joined in a way
    that does not cancel. Source: Chan, Golub and LeVeque, Updating formulae and a pairwise algorithm for
    computing sample variances, 1979.

    Raises
    ------
    DataError
        In ``update``, if shapes do not fit, or the number of outputs changed.

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
        self._mean: NDArray[np.float64] = np.zeros(0)
        self._spread: NDArray[np.float64] = np.zeros(0)
        self._residual: NDArray[np.float64] = np.zeros(0)

    def update(self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None) -> None:
        """Take a batch in."""
        positions = counted(outputs, targets, mask, sample_weight, self)
        predicted, wanted = _numbers(positions, self)
        if not len(wanted):
            return
        if self._count and self._mean.shape != wanted.shape[1:]:
            raise DataError(f"{self}: {wanted.shape[1]} outputs after batches of {len(self._mean)}")
        column, weight = positions.weights[:, None], float(positions.weights.sum())
        # Measured from the first target, so that targets that do not vary have a spread of exactly 0.
        offset = (column * (wanted - wanted[0])).sum(axis=0) / weight
        spread = (column * np.square(wanted - wanted[0] - offset)).sum(axis=0)
        residual = (column * np.square(predicted - wanted)).sum(axis=0)
        self._join(len(wanted), weight, wanted[0] + offset, spread, residual)

    def _join(
        self,
        count: int,
        weight: float,
        mean: NDArray[np.float64],
        spread: NDArray[np.float64],
        residual: NDArray[np.float64],
    ) -> None:
        """Join the statistics of a batch with those of all before."""
        if self._count:
            gap, total = mean - self._mean, self._weight + weight
            spread = self._spread + spread + np.square(gap) * (self._weight * weight / total)
            mean = self._mean + gap * (weight / total)
            residual = self._residual + residual
        self._mean, self._spread, self._residual = mean, spread, residual
        self._count += count
        self._weight += weight

    def result(self) -> float:
        """Return the coefficient."""
        if self._count < 2:
            return float("nan")
        varies = self._spread > 0
        ratio = self._residual / np.where(varies, self._spread, 1)
        return float(np.where(varies, 1 - ratio, self._residual == 0).mean())
