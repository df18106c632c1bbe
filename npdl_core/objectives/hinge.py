"""Objectives that ask for a margin and are satisfied beyond it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_float
from npdl_core.errors import DataError
from npdl_core.objectives.base import Objective
from npdl_core.objectives.classification import ClassObjective

__all__ = ["CategoricalHinge", "Hinge", "MulticlassHinge", "SquaredHinge"]


class Hinge(Objective):
    r"""Hinge loss of two classes: :math:`l = \sum_j \max(0, 1 - t_j x_j)`.

    Parameters
    ----------
    reduction : str
        See :class:`Objective`.

    Notes
    -----
    Outputs x (..., K) are scores; targets (..., K) are -1 and 1, or 0 and 1, where 0 stands for -1. The
    derivative is -t where t x < 1, else 0. Source: Cortes and Vapnik, Support-vector networks, 1995.

    Raises
    ------
    DataError
        For other targets than -1, 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> Hinge().forward(np.array([[0.5], [-2.0]]), np.array([[1], [0]]))
    0.25
    """

    def _signs(self, targets: NDArray[Any]) -> NDArray[Any]:
        signs = np.where(targets == 0, -1, targets)
        if not (np.abs(signs) == 1).all():
            raise DataError(
                f"{self}: targets must be -1 and 1, or 0 and 1; for class ids use multiclass_hinge"
            )
        return signs

    def losses(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return Σ max(0, 1 - t x)."""
        missing = np.maximum(1 - self._signs(targets) * outputs, 0)
        return np.asarray(np.add.reduce(missing, axis=-1))

    def gradients(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return -t where t x < 1."""
        signs = self._signs(targets)
        return np.asarray(-signs * (signs * outputs < 1))


class SquaredHinge(Hinge):
    r"""Squared hinge loss of two classes: :math:`l = \sum_j \max(0, 1 - t_j x_j)^2`.

    Parameters
    ----------
    reduction : str
        See :class:`Objective`.

    Notes
    -----
    Outputs x (..., K) are scores; targets (..., K) are -1 and 1, or 0 and 1, where 0 stands for -1. The
    derivative is :math:`-2 t \max(0, 1 - t x)`.

    Examples
    --------
    >>> import numpy as np
    >>> SquaredHinge().forward(np.array([[0.5], [-2.0]]), np.array([[1], [0]]))
    0.125
    """

    def losses(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return Σ max(0, 1 - t x)²."""
        missing = np.maximum(1 - self._signs(targets) * outputs, 0)
        return np.asarray(np.add.reduce(np.square(missing, out=missing), axis=-1))

    def gradients(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return -2 t max(0, 1 - t x)."""
        signs = self._signs(targets)
        return np.asarray(-2 * signs * np.maximum(1 - signs * outputs, 0))


class MulticlassHinge(ClassObjective):
    r"""Multi-class support vector loss: :math:`l = \sum_{j \ne y} \max(0, x_j - x_y + m)`.

    Parameters
    ----------
    margin : float
        m, above 0.
    reduction : str
        See :class:`Objective`.
    class_weight : list of K floats or dict, optional
        :math:`w_k`; a position counts :math:`w_y`.

    Notes
    -----
    Outputs x (..., K) are scores; targets are class ids (...) or one-hot rows (..., K); with other
    rows :math:`x_y` is :math:`\sum_k t_k x_k` and each class counts :math:`1 - t_j`. PyTorch's multi-margin
    loss is this over K. Source: Weston and Watkins, Support vector machines for multi-class pattern
    recognition, 1999.

    Examples
    --------
    >>> import numpy as np
    >>> MulticlassHinge().forward(np.array([[3.0, 2.5, 1.0]]), np.array([0]))
    0.5
    """

    def __init__(self, margin: float = 1.0, reduction: str = "mean", class_weight: Any = None) -> None:
        super().__init__(reduction, 0.0, class_weight)
        self.margin = check_float("margin", margin, 0, above=True)

    def _missing(self, outputs: NDArray[Any], wanted: NDArray[Any]) -> NDArray[Any]:
        """Return max(0, x_j - x_y + m), also for y itself."""
        own = np.add.reduce(wanted * outputs, axis=-1, keepdims=True)
        missing = np.subtract(outputs, own)
        missing += self.margin
        return np.asarray(np.maximum(missing, 0, out=missing))

    def losses(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return Σ max(0, x - x_y + m) over the other classes."""
        wanted = self.distribution(outputs, targets)
        return np.asarray(np.add.reduce(self._missing(outputs, wanted) * (1 - wanted), axis=-1))

    def gradients(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return 1 for each other class within the margin, and minus their number for y."""
        wanted = self.distribution(outputs, targets)
        within = (self._missing(outputs, wanted) > 0) * (1 - wanted)
        return np.asarray(within - wanted * np.add.reduce(within, axis=-1, keepdims=True))


class CategoricalHinge(ClassObjective):
    r"""Keras's categorical hinge: :math:`l = \max(0, 1 + \max_j (1 - t_j) x_j - \sum_j t_j x_j)`.

    Parameters
    ----------
    reduction : str
        See :class:`Objective`.
    class_weight : list of K floats or dict, optional
        :math:`w_k`; a position counts :math:`w_y`.

    Notes
    -----
    Outputs x (..., K) are scores; targets are class ids (...) or one-hot rows (..., K). Only the strongest
    other class counts, and as 0 if its score is negative: the first maximum includes the class itself with
    factor 0. :class:`MulticlassHinge` has no such floor.

    Examples
    --------
    >>> import numpy as np
    >>> CategoricalHinge().forward(np.array([[3.0, 2.5, 1.0]]), np.array([0]))
    0.5
    """

    def __init__(self, reduction: str = "mean", class_weight: Any = None) -> None:
        super().__init__(reduction, 0.0, class_weight)

    def losses(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return max(0, 1 + strongest other - own)."""
        wanted = self.distribution(outputs, targets)
        own = np.add.reduce(wanted * outputs, axis=-1)
        other = np.maximum.reduce((1 - wanted) * outputs, axis=-1)
        return np.asarray(np.maximum(1 + other - own, 0))

    def gradients(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return (1 - t) at the strongest other class minus t, where the loss is positive."""
        wanted = self.distribution(outputs, targets)
        rest = 1 - wanted
        strongest = np.argmax(rest * outputs, axis=-1)[..., None]
        grads = -wanted
        at_strongest = np.take_along_axis(grads + rest, strongest, axis=-1)
        np.put_along_axis(grads, strongest, at_strongest, axis=-1)
        grads *= (self.losses(outputs, targets) > 0)[..., None]
        return grads
