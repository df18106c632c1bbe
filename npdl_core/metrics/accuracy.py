"""Fractions of right predictions."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_float, check_int
from npdl_core.errors import DataError
from npdl_core.metrics.base import Metric
from npdl_core.metrics.positions import Positions, counted, predicted_classes

__all__ = ["Accuracy", "BinaryAccuracy", "TopK", "WeightedMean"]


class WeightedMean(Metric):
    r"""Base of metrics that are a mean over positions: :math:`\sum_p w_p v_p / \sum_p w_p`."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._total = 0.0
        self._weight = 0.0

    @abstractmethod
    def values(self, positions: Positions) -> NDArray[Any]:
        """Return the value of each position, (P,)."""

    def update(self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None) -> None:
        """Take a batch in."""
        positions = counted(outputs, targets, mask, sample_weight, self)
        values = self.values(positions)
        self._total += float(np.dot(values, positions.weights))
        self._weight += float(positions.weights.sum())

    def result(self) -> float:
        """Return the mean, NaN without data."""
        return self._total / self._weight if self._weight else float("nan")


class Accuracy(WeightedMean):
    """The fraction of positions whose predicted class is the true one.

    Parameters
    ----------
    threshold : float
        From where on one output predicts the event; 0 for scores before a sigmoid.

    Notes
    -----
    Outputs (..., K) with class ids (...) or distributions (..., K): the largest entry is the class, the first
    one among equals. One output, (N,) or (..., 1): is the event predicted where it is wanted? Positions are
    samples, or samples and time steps; masked ones do not count. Rows of targets with several events, or
    none, are refused: ``binary_accuracy`` takes them.

    Raises
    ------
    DataError
        In ``update``, if shapes do not fit, or targets are neither ids nor distributions.

    Examples
    --------
    >>> import numpy as np
    >>> metric = Accuracy()
    >>> metric.update(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 0]))
    >>> metric.result()
    0.5
    """

    def __init__(self, threshold: float = 0.5) -> None:
        self.threshold = check_float("threshold", threshold)
        super().__init__()

    def values(self, positions: Positions) -> NDArray[Any]:
        """Return whether each position is right."""
        predicted, wanted = predicted_classes(positions, self.threshold, self)
        return np.equal(predicted, wanted)


class BinaryAccuracy(WeightedMean):
    """The fraction of right entries, each an event of its own: for several labels a position.

    Parameters
    ----------
    threshold : float
        From where on an output predicts its event; 0 for scores before a sigmoid.

    Notes
    -----
    Outputs and targets (N,) or (..., K), targets 0 or 1. A position's value is the mean over its K entries.

    Raises
    ------
    DataError
        In ``update``, if shapes do not fit.

    Examples
    --------
    >>> metric = BinaryAccuracy()
    >>> metric.update([[0.9, 0.8, 0.1, 0.2]], [[1, 1, 0, 1]])
    >>> metric.result()
    0.75
    """

    def __init__(self, threshold: float = 0.5) -> None:
        self.threshold = check_float("threshold", threshold)
        super().__init__()

    def values(self, positions: Positions) -> NDArray[Any]:
        """Return the fraction of right entries of each position."""
        outputs, targets, _ = positions
        if targets.ndim == 1:
            raise DataError(
                f"{self}: targets must have the outputs' shape (..., {outputs.shape[-1]}), got class ids"
            )
        return np.asarray(((outputs >= self.threshold) == (targets >= 0.5)).mean(axis=-1))


class TopK(WeightedMean):
    """The fraction of positions whose true class is among the k largest outputs.

    Parameters
    ----------
    k : int
        How many.

    Notes
    -----
    Outputs (..., K) with class ids (...) or distributions (..., K). An output that equals the true class's
    does not push it out; NaN does, so a model that diverged is never right by accident.

    Raises
    ------
    DataError
        In ``update``, if shapes do not fit, or targets are neither ids nor distributions.

    Examples
    --------
    >>> metric = TopK(2)
    >>> metric.update([[0.5, 0.3, 0.2]], [1])
    >>> metric.result()
    1.0
    """

    def __init__(self, k: int = 5) -> None:
        self.k = check_int("k", k, 1)
        super().__init__()

    def values(self, positions: Positions) -> NDArray[Any]:
        """Return whether the true class is among the k largest."""
        outputs = positions.outputs
        if outputs.shape[-1] == 1:
            raise DataError(f"{self}: outputs must be (..., K) with an entry for each of 2 or more classes")
        _, wanted = predicted_classes(positions, 0.5, self)
        own = np.take_along_axis(outputs, wanted[:, None], axis=-1)
        return np.asarray(np.count_nonzero(~(outputs <= own), axis=-1) < self.k)
