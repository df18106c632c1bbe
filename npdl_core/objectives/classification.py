"""What objectives of classes share: class ids or distributions as targets, class weights, label smoothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_float, check_int
from npdl_core.errors import ConfigError, DataError, printable
from npdl_core.objectives.base import Objective
from npdl_core.objectives.targets import one_hot_like

__all__ = ["ClassObjective", "ClassWeights", "class_entries"]

_WEIGHTS = (list, tuple, np.ndarray)


class ClassWeights:
    """Weights of classes, given as a sequence of K numbers or as a mapping from class to number.

    Parameters
    ----------
    given : sequence of K floats, or mapping from class id to float
        Classes that a mapping leaves out have weight 1. Keys may be strings, as in JSON.

    Raises
    ------
    ConfigError
        For anything else, and for negative or infinite weights.

    Examples
    --------
    >>> ClassWeights({1: 3.0}).table(3, "loss")
    array([1., 3., 1.])
    """

    def __init__(self, given: Any) -> None:
        if not isinstance(given, (*_WEIGHTS, Mapping)):
            raise ConfigError(
                "class_weight must be a list with one weight for each class, or a dict from class to weight, "
                f"got {printable(repr(given), 60)}"
            )
        pairs = given.items() if isinstance(given, Mapping) else enumerate(given)
        self.by_class = {
            _class_id(key): check_float(f"class_weight[{printable(key, 20)}]", weight, 0)
            for key, weight in pairs
        }
        self.complete = not isinstance(given, Mapping)

    def config(self) -> Any:
        """Return the weights as JSON carries them: a list, or a dict with strings as keys."""
        if self.complete:
            return list(self.by_class.values())
        return {str(key): weight for key, weight in self.by_class.items()}

    def table(self, n_classes: int, who: object) -> NDArray[np.float64]:
        """Return the weights of classes 0 … K - 1.

        Raises
        ------
        DataError
            If a weight is given for a class that the outputs do not have, or the list is not of their length.
        """
        largest = max(self.by_class, default=-1)
        if largest >= n_classes or (self.complete and len(self.by_class) != n_classes):
            raise DataError(
                f"{who}: class_weight is for {largest + 1} classes, the outputs have {n_classes}; "
                "give one weight for each class"
            )
        table = np.ones(n_classes)
        table[list(self.by_class)] = list(self.by_class.values())
        return table


def _class_id(key: Any) -> int:
    if isinstance(key, str) and key.isascii() and key.isdigit():
        key = int(key)
    return check_int("a class in class_weight", key, 0)


class ClassObjective(Objective):
    r"""A loss of K classes, whose targets are class ids (...) or distributions (..., K).

    Parameters
    ----------
    reduction : str
        See :class:`Objective`.
    label_smoothing : float
        s in [0, 1]; targets become :math:`(1 - s) t + s / K`.
    class_weight : list of K floats or dict, optional
        :math:`w_k`; a position counts :math:`\sum_k t_k w_k`, which is :math:`w_y` for class y, so the mean
        is the weighted one.
    """

    ids = "native"

    def __init__(
        self, reduction: str = "mean", label_smoothing: float = 0.0, class_weight: Any = None
    ) -> None:
        super().__init__(reduction)
        self.label_smoothing = check_float("label_smoothing", label_smoothing, 0, 1)
        self.class_weight = None if class_weight is None else ClassWeights(class_weight)
        if self.class_weight is not None:
            self.config["class_weight"] = self.class_weight.config()

    def weights(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any] | None:
        """Return the weights of the targets' classes."""
        if self.class_weight is None:
            return None
        table = self.class_weight.table(outputs.shape[-1], self)
        return np.asarray(table[targets] if targets.ndim < outputs.ndim else targets @ table)

    def distribution(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return the targets as distributions (..., K), smoothed."""
        if targets.ndim < outputs.ndim:
            targets = one_hot_like(targets, outputs)
        if self.label_smoothing:
            targets = (1 - self.label_smoothing) * targets + self.label_smoothing / outputs.shape[-1]
        return targets


def class_entries(
    array: NDArray[Any], ids: NDArray[np.intp]
) -> tuple[NDArray[Any], tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Return ``array`` (..., K) as rows, and the index of each row's entry for its class.

    Examples
    --------
    >>> rows, entries = class_entries(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 0]))
    >>> rows[entries]
    array([0.9, 0.8])
    """
    if array.ndim != 2:
        array, ids = array.reshape(-1, array.shape[-1]), ids.reshape(-1)
    return array, (np.arange(len(array)), ids)
