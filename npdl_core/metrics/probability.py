"""Metrics of predicted probabilities."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_bool
from npdl_core.errors import DataError
from npdl_core.metrics.base import Metric
from npdl_core.metrics.positions import counted, predicted_classes
from npdl_core.objectives.cross_entropy import SoftmaxCategoricalCrossEntropy

__all__ = ["AUC", "Perplexity"]


class Perplexity(Metric):
    r"""How many classes the model hesitates between: :math:`\exp(\sum w l / \sum w)`, l the cross-entropy.

    Parameters
    ----------
    from_logits : bool
        Outputs are scores before the softmax.

    Notes
    -----
    Outputs (..., K), class ids (...) or distributions (..., K); the mean is over all real positions of all
    batches.

    Raises
    ------
    DataError
        In ``update``, if shapes do not fit or class ids are out of range.

    Examples
    --------
    >>> metric = Perplexity()
    >>> metric.update([[0.25, 0.25, 0.25, 0.25]], [2])
    >>> round(metric.result(), 6)
    4.0
    """

    def __init__(self, from_logits: bool = False) -> None:
        self._loss = SoftmaxCategoricalCrossEntropy(from_logits=check_bool("from_logits", from_logits))
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._total = 0.0
        self._weight = 0.0

    def update(self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None) -> None:
        """Take a batch in."""
        total, weight = self._loss.total(outputs, targets, mask, sample_weight)
        self._total += total
        self._weight += weight

    def result(self) -> float:
        """Return the perplexity, NaN without data, infinity beyond the largest number."""
        if not self._weight:
            return float("nan")
        mean = self._total / self._weight
        return math.exp(mean) if mean < 700 else math.inf


class AUC(Metric):
    r"""Area under the ROC curve: the chance that an event is ranked above a non-event, ties counting half.

    :math:`\sum_{i, j} w_i w_j ([s_i > s_j] + \tfrac12 [s_i = s_j]) / \sum_{i, j} w_i w_j` over events i and
    non-events j.

    Notes
    -----
    Outputs (N,) or (..., 1) with targets 0 or 1; or (..., 2), whose second column is the event's, with class
    ids or one-hot targets. Exact over the data set: scores are kept, 24 bytes a position. NaN unless both
    classes occur, and for NaN among the scores.
    Source: Mann and Whitney, On a test of whether one of two random variables is stochastically larger, 1947.

    Raises
    ------
    DataError
        In ``update``, if shapes do not fit, there are more than two classes, or targets are not 0 or 1.

    Examples
    --------
    >>> metric = AUC()
    >>> metric.update([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    >>> metric.result()
    0.75
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._batches: list[NDArray[np.float64]] = []

    def update(self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None) -> None:
        """Keep the scores of a batch."""
        positions = counted(outputs, targets, mask, sample_weight, self)
        n_columns = positions.outputs.shape[-1]
        if n_columns > 2:
            raise DataError(
                f"{self}: outputs must have one or two columns, got {n_columns}; the area is of one event"
            )
        if n_columns == 2:
            _, events = predicted_classes(positions, 0.5, self)
        else:
            events = positions.targets[:, 0]
            if not ((events == 0) | (events == 1)).all():
                raise DataError(f"{self}: targets must be 0 or 1")
        won = positions.weights * events
        self._batches.append(np.stack([positions.outputs[:, -1], won, positions.weights - won]))

    def result(self) -> float:
        """Return the area."""
        if not self._batches:
            return float("nan")
        scores, positive, negative = np.concatenate(self._batches, axis=1)
        pairs = positive.sum() * negative.sum()
        if not pairs or np.isnan(scores).any():
            return float("nan")
        ranks, place = np.unique(scores, return_inverse=True)
        won, lost = (np.bincount(place, weights, len(ranks)) for weights in (positive, negative))
        return float((won * (np.cumsum(lost) - lost / 2)).sum() / pairs)
