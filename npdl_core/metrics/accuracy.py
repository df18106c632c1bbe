"""Accuracy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import DataError
from npdl_core.metrics.base import Metric
from npdl_core.objectives.base import class_ids, match_targets, position_weights

__all__ = ["Accuracy", "predicted_classes"]


def predicted_classes(outputs: Any, targets: Any, who: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return predicted and true classes (...) of outputs (..., K) and targets (...) or (..., K).

    K of 2 and more: the largest entry wins. One output, (N,) or (..., 1): the event is predicted from 0.5 on.
    """
    predicted, wanted = np.asarray(outputs), np.asarray(targets)
    if predicted.ndim == 0:
        raise DataError(f"{who}: outputs must have a batch axis, got a single number")
    if predicted.ndim > 1 and predicted.shape[-1] > 1 and wanted.ndim == predicted.ndim - 1:
        return predicted.argmax(axis=-1), class_ids(wanted, predicted.shape, who)
    if predicted.ndim > 2 and predicted.shape[-1] == 1 and wanted.shape == predicted.shape[:-1]:
        wanted = wanted[..., None]
    predicted, wanted = match_targets(predicted, wanted, who)
    if predicted.shape[-1] == 1:
        return predicted[..., 0] >= 0.5, wanted[..., 0] >= 0.5
    return predicted.argmax(axis=-1), wanted.argmax(axis=-1)


class Accuracy(Metric):
    """The fraction of positions whose predicted class is the true one.

    Notes
    -----
    Outputs (..., K) with class ids (...) or distributions (..., K): the largest entry is the class. One
    output (N,) or (..., 1): the event is predicted from 0.5 on. Masked positions do not count.

    Examples
    --------
    >>> import numpy as np
    >>> metric = Accuracy()
    >>> metric.update(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 0]))
    >>> metric.result()
    0.5
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._right = 0.0
        self._weight = 0.0

    def update(self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None) -> None:
        """Count one batch."""
        predicted, wanted = predicted_classes(outputs, targets, "accuracy")
        right = predicted == wanted
        weights = position_weights(right.shape, mask, sample_weight, "accuracy")
        self._right += float(np.count_nonzero(right) if weights is None else weights[right].sum())
        self._weight += float(right.size if weights is None else weights.sum())

    def result(self) -> float:
        """Return the fraction, NaN without data."""
        return self._right / self._weight if self._weight else float("nan")
