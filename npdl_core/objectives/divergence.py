"""Distances between distributions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_bool, check_float
from npdl_core.objectives.base import Objective
from npdl_core.objectives.cross_entropy import SoftmaxCategoricalCrossEntropy

__all__ = ["HellingerDistance", "KLDivergence"]


class KLDivergence(SoftmaxCategoricalCrossEntropy):
    r"""Kullback–Leibler divergence from the targets: :math:`l = \sum_j t_j \ln (t_j / p_j)`.

    Parameters
    ----------
    epsilon : float
        Lower bound of p in the loss and in its slope.
    from_logits : bool
        Outputs are scores before the softmax.
    reduction : str
        See :class:`Objective`.

    Notes
    -----
    Outputs and targets (..., K) are distributions; class ids (...) stand for one-hot rows. The gradient is
    that of the softmax cross-entropy, -t / p, and so is what a softmax layer is fused with. Source: Kullback
    and Leibler, On information and sufficiency, 1951.

    Examples
    --------
    >>> import numpy as np
    >>> p = np.array([[0.25, 0.75]])
    >>> KLDivergence().forward(p, p), round(KLDivergence().forward(p, np.array([[0.5, 0.5]])), 4)
    (0.0, 0.1438)
    """

    def __init__(self, epsilon: float = 1e-11, from_logits: bool = False, reduction: str = "mean") -> None:
        super().__init__(epsilon, from_logits, reduction)

    def losses(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return Σ t ln(t / p)."""
        crossed = super().losses(outputs, targets)
        if targets.ndim < outputs.ndim:
            return crossed
        # At t = 0 the term is 0, its limit.
        logs = np.log(targets, out=np.zeros_like(targets), where=targets > 0)
        return np.asarray(np.add(crossed, np.add.reduce(targets * logs, axis=-1)))


class HellingerDistance(Objective):
    r"""Hellinger distance: :math:`l = s / \sqrt 2`, :math:`s = \sum_j (\sqrt{p_j} - \sqrt{t_j})^2`.

    This is NumpyDL's form; the true distance is :math:`\sqrt{s / 2}`.

    Parameters
    ----------
    epsilon : float
        Lower bound of p in the slope, which is infinite at p = 0 otherwise.
    squared : bool
        True for NumpyDL's form, False for the true distance.
    reduction : str
        See :class:`Objective`.

    Notes
    -----
    Outputs and targets (..., K) are distributions; class ids (...) stand for one-hot rows. The derivatives
    are :math:`(1 - \sqrt{t / p}) / \sqrt 2`, and that over :math:`2 \sqrt s`, where 0 counts for 0 / 0.
    Source: Hellinger, Neue Begründung der Theorie quadratischer Formen, 1909.

    Examples
    --------
    >>> import numpy as np
    >>> p, t = np.array([[0.36, 0.64]]), np.array([[1.0, 0.0]])
    >>> round(HellingerDistance().forward(p, t), 4), round(HellingerDistance(squared=False).forward(p, t), 4)
    (0.5657, 0.6325)
    """

    ids = "one_hot"

    def __init__(self, epsilon: float = 1e-11, squared: bool = True, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.epsilon = check_float("epsilon", epsilon, 0, above=True)
        self.squared = check_bool("squared", squared)

    def _sum_of_squares(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        difference = np.sqrt(np.maximum(outputs, 0)) - np.sqrt(np.maximum(targets, 0))
        return np.asarray(np.add.reduce(np.square(difference), axis=-1))

    def losses(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return s / √2, or √(s / 2)."""
        total = self._sum_of_squares(outputs, targets)
        return np.asarray(math.sqrt(0.5) * (total if self.squared else np.sqrt(total)))

    def gradients(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return (1 - √(t / p)) / √2, or that over 2 √s."""
        ratio = np.sqrt(np.maximum(targets, 0) / np.maximum(outputs, self.epsilon))
        grads = np.subtract(1, ratio, out=ratio)
        grads *= math.sqrt(0.5)
        if not self.squared:
            root = np.sqrt(self._sum_of_squares(outputs, targets))[..., None]
            grads *= np.divide(0.5, root, out=np.zeros_like(root), where=root > 0)
        return np.asarray(grads)
