"""Cross-entropies."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.activations.sigmoids import Sigmoid
from npdl_core.activations.softmax import softmax
from npdl_core.checks import check_bool, check_float
from npdl_core.objectives.base import Objective, one_hot_like

__all__ = ["BinaryCrossEntropy", "SoftmaxCategoricalCrossEntropy"]


class SoftmaxCategoricalCrossEntropy(Objective):
    r"""Cross-entropy of a softmax: :math:`l = -\sum_j t_j \ln p_j`.

    Parameters
    ----------
    epsilon : float
        Lower bound of p inside the logarithm.
    from_logits : bool
        Outputs are scores before the softmax, and :math:`\ln p` is computed from them directly.
    reduction : str
        See :class:`Objective`.

    Notes
    -----
    Outputs (..., K) are probabilities; targets are class ids (...) or distributions (..., K). Behind a layer
    that ends with a softmax the model takes both derivatives together, which is :math:`p - t`.

    Examples
    --------
    >>> import numpy as np
    >>> loss = SoftmaxCategoricalCrossEntropy()
    >>> round(loss.forward(np.array([[0.25, 0.75]]), np.array([1])), 4)
    0.2877
    """

    ids = "native"

    def __init__(self, epsilon: float = 1e-11, from_logits: bool = False, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.epsilon = check_float("epsilon", epsilon, 0, 1, below=True)
        self.from_logits = check_bool("from_logits", from_logits)
        self.fuses = None if from_logits else "softmax"

    def losses(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return -Σ t ln p."""
        if targets.ndim < outputs.ndim:
            picked = np.take_along_axis(outputs, targets[..., None].astype(np.intp), axis=-1)[..., 0]
            if self.from_logits:
                return _log_sum_exp(outputs) - picked
            return np.asarray(-np.log(np.maximum(picked, self.epsilon)))
        if self.from_logits:
            return np.asarray(np.sum(targets * (_log_sum_exp(outputs)[..., None] - outputs), axis=-1))
        return np.asarray(-np.sum(targets * np.log(np.maximum(outputs, self.epsilon)), axis=-1))

    def gradients(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return -t / p, or softmax(z) Σt - t from logits."""
        if self.from_logits:
            return self.fused_gradients(softmax(outputs), targets)
        if targets.ndim < outputs.ndim:
            targets = one_hot_like(targets, outputs)
        return np.asarray(-targets / np.maximum(outputs, self.epsilon))

    def fused_gradients(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return p Σt - t, the derivative with respect to the softmax's argument."""
        if targets.ndim < outputs.ndim:
            grads = outputs.copy()
            rows = grads.reshape(-1, grads.shape[-1])
            rows[np.arange(rows.shape[0]), targets.ravel()] -= 1
            return grads
        return np.asarray(outputs * targets.sum(axis=-1, keepdims=True) - targets)


def _log_sum_exp(scores: NDArray[Any]) -> NDArray[Any]:
    top = scores.max(axis=-1, keepdims=True)
    return np.asarray(np.log(np.exp(scores - top).sum(axis=-1)) + top[..., 0])


class BinaryCrossEntropy(Objective):
    r"""Cross-entropy of independent events: :math:`l = -\sum_j [t_j \ln p_j + (1 - t_j) \ln(1 - p_j)]`.

    Parameters
    ----------
    epsilon : float
        Lower bound of p and of 1 - p, each inside its own logarithm, so that float32 cannot round it away.
    from_logits : bool
        Outputs are scores before the logistic function.
    reduction : str
        See :class:`Objective`.

    Notes
    -----
    Outputs and targets (..., K), targets in [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> round(BinaryCrossEntropy().forward(np.array([[0.8]]), np.array([[1.0]])), 4)
    0.2231
    """

    def __init__(self, epsilon: float = 1e-11, from_logits: bool = False, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.epsilon = check_float("epsilon", epsilon, 0, 1, above=True, below=True)
        self.from_logits = check_bool("from_logits", from_logits)

    def losses(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return -Σ [t ln p + (1 - t) ln(1 - p)]."""
        if self.from_logits:
            return np.asarray(np.sum(np.logaddexp(0, outputs) - targets * outputs, axis=-1))
        log_p = np.log(np.maximum(outputs, self.epsilon))
        log_rest = np.log(np.maximum(1 - outputs, self.epsilon))
        return np.asarray(-np.sum(targets * log_p + (1 - targets) * log_rest, axis=-1))

    def gradients(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return (1 - t)/(1 - p) - t/p, or σ(z) - t from logits."""
        if self.from_logits:
            return np.asarray(Sigmoid()(outputs) - targets)
        rest = (1 - targets) / np.maximum(1 - outputs, self.epsilon)
        return np.asarray(rest - targets / np.maximum(outputs, self.epsilon))
