"""Cross-entropies, and the negative log-likelihood that they are made of."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core import kernels
from npdl_core.activations.softmax import log_softmax, softmax
from npdl_core.checks import check_bool, check_float
from npdl_core.objectives.base import Both
from npdl_core.objectives.binary import BinaryCrossEntropy
from npdl_core.objectives.classification import ClassObjective, class_entries
from npdl_core.objectives.rows import in_rows

__all__ = ["BinaryCrossEntropy", "NegativeLogLikelihood", "SoftmaxCategoricalCrossEntropy"]


class SoftmaxCategoricalCrossEntropy(ClassObjective):
    r"""Cross-entropy of a softmax: :math:`l = -\sum_j t_j \ln p_j`.

    Parameters
    ----------
    epsilon : float
        Lower bound of p in the loss and in its slope; in float32 too, both stay finite at p = 0.
    from_logits : bool
        Outputs are scores before the softmax, and :math:`\ln p` is computed from them directly.
    reduction : str
        See :class:`Objective`.
    label_smoothing : float
        s in [0, 1]; targets become :math:`(1 - s) t + s / K`.
    class_weight : list of K floats or dict, optional
        :math:`w_k`; a position counts :math:`\sum_k t_k w_k`.

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

    def __init__(
        self,
        epsilon: float = 1e-11,
        from_logits: bool = False,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
        class_weight: Any = None,
    ) -> None:
        super().__init__(reduction, label_smoothing, class_weight)
        self.epsilon = check_float("epsilon", epsilon, 0, 1, above=True, below=True)
        self.from_logits = check_bool("from_logits", from_logits)
        self.fuses = None if from_logits else "softmax"

    def losses(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return -Σ t ln p."""
        if targets.ndim == outputs.ndim or self.label_smoothing:
            logs = self._log_probabilities(outputs)
            return np.asarray(-np.add.reduce(self.distribution(outputs, targets) * logs, axis=-1))
        rows, entries = class_entries(log_softmax(outputs) if self.from_logits else outputs, targets)
        picked = rows[entries].reshape(targets.shape)
        if not self.from_logits:
            np.maximum(picked, self.epsilon, out=picked)
            np.log(picked, out=picked)
        return np.asarray(np.negative(picked, out=picked))

    def _log_probabilities(self, outputs: NDArray[Any]) -> NDArray[Any]:
        if self.from_logits:
            return log_softmax(outputs)
        logs = np.maximum(outputs, self.epsilon)
        return np.asarray(np.log(logs, out=logs))

    def gradients(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return -t / p, or softmax(z) Σt - t from logits."""
        if self.from_logits:
            return self.fused_gradients(softmax(outputs), targets)
        return np.asarray(-self.distribution(outputs, targets) / np.maximum(outputs, self.epsilon))

    def fused_gradients(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return p Σt - t, the derivative with respect to the softmax's argument."""
        if targets.ndim < outputs.ndim and not self.label_smoothing:
            grads = outputs.copy()
            rows, entries = class_entries(grads, targets)
            rows[entries] -= 1
            return grads
        wanted = self.distribution(outputs, targets)
        grads = outputs * np.add.reduce(wanted, axis=-1, keepdims=True)
        grads -= wanted
        return grads

    def losses_and_gradients(self, outputs: NDArray[Any], targets: NDArray[Any], scale: float) -> Both:
        """Return both; from logits they share the softmax."""
        if not self.from_logits:
            return super().losses_and_gradients(outputs, targets, scale)
        return self._at_once(outputs, targets, scale)

    def losses_and_fused_gradients(self, outputs: NDArray[Any], targets: NDArray[Any], scale: float) -> Both:
        """Return both; behind a softmax they share its probabilities."""
        return self._at_once(outputs, targets, scale)

    def _at_once(self, outputs: NDArray[Any], targets: NDArray[Any], scale: float) -> Both:
        epsilon = None if self.from_logits else self.epsilon
        if targets.ndim == outputs.ndim or self.label_smoothing:
            targets = self.distribution(outputs, targets)
        return in_rows(kernels.softmax_cross_entropy, outputs, targets, scale, epsilon)


class NegativeLogLikelihood(ClassObjective):
    r"""Cross-entropy of log-probabilities: :math:`l = -\sum_j t_j x_j`.

    Parameters
    ----------
    reduction : str
        See :class:`Objective`.
    label_smoothing : float
        s in [0, 1]; targets become :math:`(1 - s) t + s / K`.
    class_weight : list of K floats or dict, optional
        :math:`w_k`; a position counts :math:`\sum_k t_k w_k`.

    Notes
    -----
    Outputs (..., K), such as those of ``log_softmax``; targets are class ids (...) or distributions (..., K).
    The gradient is -t.

    Examples
    --------
    >>> import numpy as np
    >>> round(NegativeLogLikelihood().forward(np.log([[0.25, 0.75]]), np.array([1])), 4)
    0.2877
    """

    def losses(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return -Σ t x."""
        if targets.ndim < outputs.ndim and not self.label_smoothing:
            rows, entries = class_entries(outputs, targets)
            return np.asarray(-rows[entries].reshape(targets.shape))
        return np.asarray(-np.add.reduce(self.distribution(outputs, targets) * outputs, axis=-1))

    def gradients(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return -t."""
        return np.asarray(-self.distribution(outputs, targets))
