"""Metrics of predicted probabilities."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_bool
from npdl_core.errors import DataError
from npdl_core.metrics.base import Metric
from npdl_core.objectives.base import position_weights
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

    Notes
    -----
    Outputs (N,), (..., 1), or (..., 2) whose second column is the event's; targets 0 or 1 in the outputs'
    shape, class ids, or one-hot. Exact over the data set: scores are kept, 24 bytes a position. NaN unless
    both classes occur.

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
        self._parts: list[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]] = []

    def update(self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None) -> None:
        """Keep the scores of a batch."""
        scores, events = _events(np.asarray(outputs, np.float64), np.asarray(targets))
        weights = position_weights(scores.shape, mask, sample_weight, "auc")
        kept = np.ones(scores.shape) if weights is None else weights
        counted = kept > 0
        if not np.isin(events[counted], (0, 1)).all():
            raise DataError("auc: targets must be 0 or 1")
        self._parts.append((scores[counted], events[counted].astype(bool), kept[counted]))

    def result(self) -> float:
        """Return the area."""
        if not self._parts:
            return float("nan")
        scores, events, weights = (np.concatenate(column) for column in zip(*self._parts, strict=True))
        order = np.argsort(scores, kind="stable")
        scores, events, weights = scores[order], events[order], weights[order]
        positive, negative = weights * events, weights * ~events
        if not positive.sum() or not negative.sum():
            return float("nan")
        starts = np.flatnonzero(np.concatenate(([True], scores[1:] != scores[:-1])))
        won, lost = np.add.reduceat(positive, starts), np.add.reduceat(negative, starts)
        below = np.concatenate(([0.0], np.cumsum(lost)[:-1]))
        return float((won * (below + lost / 2)).sum() / (positive.sum() * negative.sum()))


def _events(outputs: NDArray[Any], targets: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return scores and events of one shape (...)."""
    scores = outputs[..., 1] if outputs.ndim > 1 and outputs.shape[-1] == 2 else outputs
    scores = scores[..., 0] if outputs.ndim > 1 and outputs.shape[-1] == 1 else scores
    events = targets
    if targets.ndim == scores.ndim + 1 and targets.shape[-1] in (1, 2):
        events = targets[..., -1]
    if scores.shape != events.shape:
        raise DataError(
            f"auc: outputs of shape {outputs.shape} and targets of shape {targets.shape} do not fit"
        )
    return scores, events
