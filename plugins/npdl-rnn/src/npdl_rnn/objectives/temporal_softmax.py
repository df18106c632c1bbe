"""The loss of a language model, per sequence."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.objectives.cross_entropy import SoftmaxCategoricalCrossEntropy

__all__ = ["TemporalSoftmax"]


class TemporalSoftmax(SoftmaxCategoricalCrossEntropy):
    r"""Cross-entropy summed over the real steps and averaged over the sequences, as cs231n's.

    :math:`L = -\sum_n w_n \sum_t m_{nt} \ln p_{nt}[y_{nt}] / \sum_n w_n`

    Parameters
    ----------
    epsilon : float
        Lower bound of p.
    from_logits : bool
        Outputs are scores; False: they are probabilities, such as those of a ``softmax`` layer.

    Notes
    -----
    Outputs (N, T, V), targets (N, T) of ids or distributions (N, T, V), mask (N, T). The sum is divided by N,
    or the sum of the sequences' weights (N,), not by how many steps are real: long sequences count more.

    Examples
    --------
    >>> loss = TemporalSoftmax()
    >>> round(loss.forward(np.zeros((1, 2, 10)), np.array([[3, 4]])), 3)
    4.605
    """

    def __init__(self, epsilon: float = 1e-11, from_logits: bool = True) -> None:
        super().__init__(epsilon, from_logits)
        self._summed = SoftmaxCategoricalCrossEntropy(epsilon, from_logits, reduction="sum")

    def forward(self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None) -> float:
        """Return the loss; zero if nothing counts."""
        total, count = self.total(outputs, targets, mask, sample_weight)
        return total / count if count else 0.0

    def total(
        self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None
    ) -> tuple[float, float]:
        """Return the sum over all steps and the number of sequences."""
        return self._summed.total(outputs, targets, mask, sample_weight)[0], _count(
            outputs, mask, sample_weight
        )

    def backward(
        self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None
    ) -> NDArray[Any]:
        """Return the gradient of the loss with respect to ``outputs``."""
        grads = self._summed.backward(outputs, targets, mask, sample_weight)
        grads /= _count(outputs, mask, sample_weight) or 1
        return grads

    def fused_backward(
        self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None
    ) -> NDArray[Any]:
        """Return the gradient with respect to the softmax's argument."""
        grads = self._summed.fused_backward(outputs, targets, mask, sample_weight)
        grads /= _count(outputs, mask, sample_weight) or 1
        return grads


def _count(outputs: Any, *per_sequence: Any) -> float:
    """Return how many sequences there are, each as often as weights (N,) and a mask (N,) say."""
    counts = np.ones(len(outputs))
    for factor in per_sequence:
        if factor is not None and np.ndim(factor) == 1:
            counts = counts * factor
    return float(counts.sum())
