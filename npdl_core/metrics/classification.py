"""Metrics of classes that follow from counts."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_choice, check_int
from npdl_core.errors import DataError
from npdl_core.metrics.accuracy import predicted_classes
from npdl_core.metrics.base import Metric
from npdl_core.objectives.base import class_ids, position_weights

__all__ = ["F1", "ConfusionMatrix", "Precision", "Recall", "TopK"]


class ConfusionMatrix(Metric):
    """Counts (or summed weights) of true class by predicted class.

    Notes
    -----
    Outputs and targets as of :class:`Accuracy`; one output counts as two classes. The result is (K, K): rows
    are true classes, columns predicted ones, as in scikit-learn.

    Examples
    --------
    >>> import numpy as np
    >>> metric = ConfusionMatrix()
    >>> metric.update(np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]), np.array([0, 1, 1]))
    >>> metric.result()
    array([[1., 0.],
           [1., 1.]])
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._counts: NDArray[Any] | None = None

    def update(self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None) -> None:
        """Count a batch."""
        predicted, wanted = predicted_classes(outputs, targets, str(self))
        last = np.shape(outputs)[-1] if np.ndim(outputs) > 1 else 1
        n_classes = max(last, 2)
        weights = position_weights(predicted.shape, mask, sample_weight, str(self))
        if self._counts is not None and self._counts.shape[0] != n_classes:
            raise DataError(
                f"{self}: outputs of {n_classes} classes after outputs of {self._counts.shape[0]}"
            )
        cells = wanted.ravel().astype(np.intp) * n_classes + predicted.ravel().astype(np.intp)
        counts = np.bincount(cells, None if weights is None else weights.ravel(), n_classes**2)
        own = np.zeros((n_classes, n_classes)) if self._counts is None else self._counts
        self._counts = own + counts.reshape(n_classes, n_classes)

    def result(self) -> Any:
        """Return the matrix, empty without data."""
        return np.zeros((0, 0)) if self._counts is None else self._counts.copy()


class _FromCounts(ConfusionMatrix):
    """A number from the confusion matrix, averaged over classes.

    Parameters
    ----------
    average : str
        ``"binary"``: of class 1, for two classes or one output; ``"macro"``: mean over the classes that
        occur; ``"micro"``: from summed counts; ``"weighted"``: mean weighted by how often a class is true;
        ``"auto"``: binary for two classes, else macro.
    """

    def __init__(self, average: str = "auto") -> None:
        self.average = check_choice("average", average, ("auto", "binary", "macro", "micro", "weighted"))
        super().__init__()

    @abstractmethod
    def score(self, hits: Any, predicted: Any, wanted: Any) -> Any:
        """Return the score from hits and from how often a class is predicted and true."""

    def result(self) -> float:
        """Return the score, NaN without data."""
        counts = super().result()
        if not counts.sum():
            return float("nan")
        hits, predicted, wanted = np.diag(counts), counts.sum(axis=0), counts.sum(axis=1)
        average = self.average
        if average == "auto":
            average = "binary" if len(counts) == 2 else "macro"
        if average == "binary" and len(counts) != 2:
            raise DataError(f"{self}: average='binary' needs two classes, got {len(counts)}")
        if average == "micro":
            return float(self.score(hits.sum(), predicted.sum(), wanted.sum()))
        scores = self.score(hits, predicted, wanted)
        if average == "binary":
            return float(scores[1])
        weights = wanted if average == "weighted" else ((predicted + wanted) > 0).astype(float)
        return float((scores * weights).sum() / weights.sum())


def _ratio(part: Any, whole: Any) -> Any:
    """Return part / whole, 0 where the whole is 0."""
    return np.asarray(part) / np.where(np.asarray(whole) > 0, whole, 1)


class Precision(_FromCounts):
    """The fraction of predicted members of a class that are members; ``average`` as in scikit-learn.

    Examples
    --------
    >>> metric = Precision()
    >>> metric.update([0.9, 0.8, 0.1], [1, 0, 1])
    >>> metric.result()
    0.5
    """

    def score(self, hits: Any, predicted: Any, wanted: Any) -> Any:
        """Return hits / predicted."""
        return _ratio(hits, predicted)


class Recall(_FromCounts):
    """The fraction of members of a class that are predicted; ``average`` as in scikit-learn.

    Examples
    --------
    >>> metric = Recall()
    >>> metric.update([0.9, 0.8, 0.1], [1, 0, 1])
    >>> metric.result()
    0.5
    """

    def score(self, hits: Any, predicted: Any, wanted: Any) -> Any:
        """Return hits / wanted."""
        return _ratio(hits, wanted)


class F1(_FromCounts):
    """The harmonic mean of precision and recall; ``average`` as in scikit-learn.

    Examples
    --------
    >>> metric = F1()
    >>> metric.update([0.9, 0.8, 0.1], [1, 0, 1])
    >>> metric.result()
    0.5
    """

    def score(self, hits: Any, predicted: Any, wanted: Any) -> Any:
        """Return 2 hits / (predicted + wanted)."""
        return _ratio(2 * hits, predicted + wanted)


class TopK(Metric):
    """The fraction of positions whose true class is among the k largest outputs; ties count as in.

    Parameters
    ----------
    k : int
        How many.

    Examples
    --------
    >>> metric = TopK(2)
    >>> metric.update([[0.5, 0.3, 0.2]], [1])
    >>> metric.result()
    1.0
    """

    def __init__(self, k: int = 5) -> None:
        self.k = check_int("k", k, 1)
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._right = 0.0
        self._weight = 0.0

    def update(self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None) -> None:
        """Count a batch."""
        scores, wanted = np.asarray(outputs), np.asarray(targets)
        if scores.ndim < 2:
            raise DataError(f"top_k: outputs must be (..., K) with K classes, got shape {scores.shape}")
        if wanted.shape == scores.shape:
            wanted = wanted.argmax(axis=-1)
        ids = class_ids(wanted, scores.shape, "top_k")
        own = np.take_along_axis(scores, ids[..., None].astype(np.intp), axis=-1)
        right = (scores > own).sum(axis=-1) < self.k
        weights = position_weights(right.shape, mask, sample_weight, "top_k")
        self._right += float(np.count_nonzero(right) if weights is None else weights[right].sum())
        self._weight += float(right.size if weights is None else weights.sum())

    def result(self) -> float:
        """Return the fraction, NaN without data."""
        return self._right / self._weight if self._weight else float("nan")
