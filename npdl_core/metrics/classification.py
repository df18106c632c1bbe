"""Metrics of classes that follow from counts."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_choice, check_float
from npdl_core.errors import DataError
from npdl_core.metrics.base import Metric
from npdl_core.metrics.positions import counted, predicted_classes

__all__ = ["F1", "ConfusionMatrix", "Precision", "Recall"]


class ConfusionMatrix(Metric):
    """Counts (or summed weights) of true class by predicted class.

    Parameters
    ----------
    threshold : float
        From where on one output predicts class 1; 0 for scores before a sigmoid.

    Notes
    -----
    Outputs and targets as of ``accuracy``; one output counts as two classes. The result is (K, K): rows are
    true classes, columns predicted ones, as in scikit-learn.

    Raises
    ------
    DataError
        In ``update``, if shapes do not fit, targets are neither ids nor distributions, or the number of
        classes changed.

    Examples
    --------
    >>> import numpy as np
    >>> metric = ConfusionMatrix()
    >>> metric.update(np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]), np.array([0, 1, 1]))
    >>> metric.result()
    array([[1., 0.],
           [1., 1.]])
    """

    def __init__(self, threshold: float = 0.5) -> None:
        self.threshold = check_float("threshold", threshold)
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._counts: NDArray[np.float64] = np.zeros((0, 0))

    def update(self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None) -> None:
        """Count a batch."""
        positions = counted(outputs, targets, mask, sample_weight, self)
        predicted, wanted = predicted_classes(positions, self.threshold, self)
        n_classes = max(positions.outputs.shape[-1], 2)
        self._check(n_classes)
        cells: NDArray[Any] = np.bincount(wanted * n_classes + predicted, positions.weights, n_classes**2)
        counts = cells.reshape(n_classes, n_classes)
        self._counts = self._counts + counts if self._counts.size else counts

    def _check(self, n_classes: int) -> None:
        """Refuse a batch of another number of classes than those before."""
        if len(self._counts) not in (0, n_classes):
            raise DataError(f"{self}: outputs of {n_classes} classes after outputs of {len(self._counts)}")

    def result(self) -> Any:
        """Return the matrix, empty without data."""
        return self._counts.copy()


class _FromCounts(ConfusionMatrix):
    """A number from the confusion matrix, averaged over classes."""

    def __init__(self, average: str = "auto", threshold: float = 0.5) -> None:
        self.average = check_choice("average", average, ("auto", "binary", "macro", "micro", "weighted"))
        super().__init__(threshold)

    def _check(self, n_classes: int) -> None:
        super()._check(n_classes)
        if self.average == "binary" and n_classes > 2:
            raise DataError(f"{self}: average='binary' needs two classes, got {n_classes}")

    @abstractmethod
    def score(self, hits: Any, predicted: Any, wanted: Any) -> Any:
        """Return the score from hits and from how often a class is predicted and true."""

    def result(self) -> float:
        """Return the score, NaN without data."""
        counts = self._counts
        if not counts.any():
            return float("nan")
        hits, predicted, wanted = np.diag(counts), counts.sum(axis=0), counts.sum(axis=1)
        if self.average == "micro":
            return float(self.score(hits.sum(), predicted.sum(), wanted.sum()))
        scores = self.score(hits, predicted, wanted)
        if self.average == "binary" or (self.average == "auto" and len(counts) == 2):
            return float(scores[1])
        weights = wanted if self.average == "weighted" else predicted + wanted > 0
        return float(np.average(scores, weights=weights))


def _ratio(part: Any, whole: Any) -> Any:
    """Return part / whole, 0 where the whole is 0."""
    return np.asarray(part) / np.where(np.asarray(whole) > 0, whole, 1)


class Precision(_FromCounts):
    """The fraction of predicted members of a class that are members.

    Parameters
    ----------
    average : str
        ``"binary"``: of class 1, of two classes or one output; ``"macro"``: the mean over the classes that
        occur, true or predicted; ``"micro"``: from summed counts; ``"weighted"``: the mean weighted by how
        often a class is true; ``"auto"``: binary for two classes, else macro.
    threshold : float
        From where on one output predicts class 1; 0 for scores before a sigmoid.

    Notes
    -----
    Outputs and targets as of ``accuracy``; a class that is never predicted scores 0.
    Values are scikit-learn's, NaN without data.

    Raises
    ------
    DataError
        In ``update``, as ``confusion_matrix``, and for ``average="binary"`` with more than two classes.

    Examples
    --------
    >>> metric = Precision()
    >>> metric.update([0.9, 0.8, 0.1], [1, 0, 0])
    >>> metric.result()
    0.5
    """

    def score(self, hits: Any, predicted: Any, wanted: Any) -> Any:
        """Return hits / predicted."""
        return _ratio(hits, predicted)


class Recall(_FromCounts):
    """The fraction of members of a class that are predicted.

    Parameters
    ----------
    average : str
        ``"binary"``: of class 1, of two classes or one output; ``"macro"``: the mean over the classes that
        occur, true or predicted; ``"micro"``: from summed counts; ``"weighted"``: the mean weighted by how
        often a class is true; ``"auto"``: binary for two classes, else macro.
    threshold : float
        From where on one output predicts class 1; 0 for scores before a sigmoid.

    Notes
    -----
    Outputs and targets as of ``accuracy``; a class that is never true scores 0.
    Values are scikit-learn's, NaN without data.

    Raises
    ------
    DataError
        In ``update``, as ``confusion_matrix``, and for ``average="binary"`` with more than two classes.

    Examples
    --------
    >>> metric = Recall()
    >>> metric.update([0.9, 0.8, 0.1], [1, 0, 0])
    >>> metric.result()
    1.0
    """

    def score(self, hits: Any, predicted: Any, wanted: Any) -> Any:
        """Return hits / wanted."""
        return _ratio(hits, wanted)


class F1(_FromCounts):
    r"""The harmonic mean of precision P and recall R: :math:`2 P R / (P + R)`.

    Parameters
    ----------
    average : str
        ``"binary"``: of class 1, of two classes or one output; ``"macro"``: the mean over the classes that
        occur, true or predicted; ``"micro"``: from summed counts; ``"weighted"``: the mean weighted by how
        often a class is true; ``"auto"``: binary for two classes, else macro.
    threshold : float
        From where on one output predicts class 1; 0 for scores before a sigmoid.

    Notes
    -----
    Outputs and targets as of ``accuracy``; a class without a hit scores 0.
    Values are scikit-learn's, NaN without data.

    Raises
    ------
    DataError
        In ``update``, as ``confusion_matrix``, and for ``average="binary"`` with more than two classes.

    Examples
    --------
    >>> metric = F1()
    >>> metric.update([0.9, 0.8, 0.1], [1, 0, 0])
    >>> round(metric.result(), 4)
    0.6667
    """

    def score(self, hits: Any, predicted: Any, wanted: Any) -> Any:
        """Return 2 hits / (predicted + wanted)."""
        return _ratio(2 * hits, predicted + wanted)
