"""Cross-entropies that care less about what is already right."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.activations.rectifiers import softplus
from npdl_core.activations.sigmoids import sigmoid
from npdl_core.activations.softmax import log_softmax
from npdl_core.checks import check_bool, check_float
from npdl_core.objectives.binary import BinaryObjective
from npdl_core.objectives.classification import ClassObjective

__all__ = ["BinaryFocal", "Focal"]


class Focal(ClassObjective):
    r"""Focal loss of a softmax: :math:`l = -\sum_j t_j (1 - p_j)^\gamma \ln p_j`.

    Parameters
    ----------
    gamma : float
        Focus, at least 0; 0 is the cross-entropy.
    epsilon : float
        Lower bound of p in the loss and in its slope.
    from_logits : bool
        Outputs are scores before the softmax.
    reduction : str
        See :class:`Objective`.
    label_smoothing : float
        s in [0, 1]; targets become :math:`(1 - s) t + s / K`.
    class_weight : list of K floats or dict, optional
        The paper's :math:`\alpha`; a position counts :math:`\sum_k t_k w_k`.

    Notes
    -----
    Outputs (..., K); targets are class ids (...) or distributions (..., K). Source: Lin et al., Focal loss
    for dense object detection, 2017.

    Examples
    --------
    >>> import numpy as np
    >>> round(Focal().forward(np.array([[0.25, 0.75]]), np.array([1])), 4)
    0.018
    """

    def __init__(
        self,
        gamma: float = 2.0,
        epsilon: float = 1e-11,
        from_logits: bool = False,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
        class_weight: Any = None,
    ) -> None:
        super().__init__(reduction, label_smoothing, class_weight)
        self.gamma = check_float("gamma", gamma, 0)
        self.epsilon = check_float("epsilon", epsilon, 0, 1, above=True, below=True)
        self.from_logits = check_bool("from_logits", from_logits)
        self.fuses = None if from_logits else "softmax"

    def _probabilities(self, outputs: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return p and ln p."""
        if self.from_logits:
            logs = log_softmax(outputs)
            return np.exp(logs), logs
        return outputs, np.log(np.maximum(outputs, self.epsilon))

    def losses(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return -Σ t (1 - p)^γ ln p."""
        p, logs = self._probabilities(outputs)
        parts = self.distribution(outputs, targets) * _power(1 - p, self.gamma) * logs
        return np.asarray(-np.add.reduce(parts, axis=-1))

    def gradients(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return t f'(p) with f(p) = -(1 - p)^γ ln p, or the fused form from logits."""
        if self.from_logits:
            return self._through_softmax(outputs, targets)
        p, logs = self._probabilities(outputs)
        slope = _slope(p, 1 - p, logs, self.gamma) / np.maximum(p, self.epsilon)
        return np.asarray(slope * self.distribution(outputs, targets))

    def fused_gradients(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return h - p Σh with h = t p f'(p), the derivative with respect to the softmax's argument."""
        return self._through_softmax(outputs, targets)

    def _through_softmax(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        p, logs = self._probabilities(outputs)
        part = _slope(p, 1 - p, logs, self.gamma) * self.distribution(outputs, targets)
        return np.asarray(part - p * np.add.reduce(part, axis=-1, keepdims=True))


class BinaryFocal(BinaryObjective):
    r"""Focal loss of independent events.

    .. math:: l = -\sum_j [t_j (1 - p_j)^\gamma \ln p_j + (1 - t_j) p_j^\gamma \ln(1 - p_j)]

    Parameters
    ----------
    gamma : float
        Focus, at least 0; 0 is the binary cross-entropy.
    alpha : float, optional
        Factor of the first term, 1 - alpha of the second; both 1 by default.
    epsilon : float
        Lower bound of p and of 1 - p in the loss and in its slope.
    from_logits : bool
        Outputs are scores before the logistic function.
    reduction : str
        See :class:`Objective`.
    label_smoothing : float
        s in [0, 1]; targets become :math:`(1 - s) t + s / 2`.
    class_weight : list of two floats or dict, optional
        What a position counts by its target; for K = 1.

    Notes
    -----
    Outputs and targets (..., K), targets in [0, 1]. Source: Lin et al., Focal loss for dense object
    detection, 2017.

    Examples
    --------
    >>> import numpy as np
    >>> round(BinaryFocal().forward(np.array([[0.75]]), np.array([[1.0]])), 4)
    0.018
    """

    def __init__(
        self,
        gamma: float = 2.0,
        alpha: float | None = None,
        epsilon: float = 1e-11,
        from_logits: bool = False,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
        class_weight: Any = None,
    ) -> None:
        super().__init__(reduction, label_smoothing, class_weight)
        self.gamma = check_float("gamma", gamma, 0)
        self.alpha = None if alpha is None else check_float("alpha", alpha, 0, 1)
        self.epsilon = check_float("epsilon", epsilon, 0, 1, above=True, below=True)
        self.from_logits = check_bool("from_logits", from_logits)
        self.fuses = None if from_logits else "sigmoid"

    def _terms(self, targets: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        targets = self.smoothed(targets)
        if self.alpha is None:
            return targets, 1 - targets
        return self.alpha * targets, (1 - self.alpha) * (1 - targets)

    def _probabilities(self, outputs: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """Return p, 1 - p and the logarithms of both."""
        if self.from_logits:
            return sigmoid(outputs), sigmoid(-outputs), -softplus(-outputs), -softplus(outputs)
        rest = 1 - outputs
        return outputs, rest, *(np.log(np.maximum(part, self.epsilon)) for part in (outputs, rest))

    def losses(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return -Σ [t (1 - p)^γ ln p + (1 - t) p^γ ln(1 - p)]."""
        yes, no = self._terms(targets)
        p, rest, log_p, log_rest = self._probabilities(outputs)
        parts = yes * _power(rest, self.gamma) * log_p + no * _power(p, self.gamma) * log_rest
        return np.asarray(-np.add.reduce(parts, axis=-1))

    def gradients(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return t f'(p) - (1 - t) f'(1 - p) with f(p) = -(1 - p)^γ ln p, or the fused form from logits."""
        if self.from_logits:
            return self.fused_gradients(outputs, targets)
        yes, no = self._terms(targets)
        p, rest, log_p, log_rest = self._probabilities(outputs)
        slope = yes * _slope(p, rest, log_p, self.gamma) / np.maximum(p, self.epsilon)
        slope -= no * _slope(rest, p, log_rest, self.gamma) / np.maximum(rest, self.epsilon)
        return np.asarray(slope)

    def fused_gradients(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return the derivative with respect to the sigmoid's argument."""
        yes, no = self._terms(targets)
        p, rest, log_p, log_rest = self._probabilities(outputs)
        slope = yes * rest * _slope(p, rest, log_p, self.gamma)
        slope -= no * p * _slope(rest, p, log_rest, self.gamma)
        return np.asarray(slope)


def _power(base: NDArray[Any], exponent: float) -> NDArray[Any]:
    """Return base ** exponent; what rounding made negative counts as 0."""
    base = np.maximum(base, 0)
    return np.asarray(np.square(base) if exponent == 2 else np.power(base, exponent))


def _slope(p: NDArray[Any], rest: NDArray[Any], logs: NDArray[Any], gamma: float) -> NDArray[Any]:
    r"""Return :math:`p f'(p) = \gamma p (1 - p)^{\gamma - 1} \ln p - (1 - p)^\gamma`, finite at both ends.

    The first term is written with :math:`\ln(p) / (p - 1)`, which is 1 at p = 1.
    """
    ratio = np.divide(logs, -rest, out=np.ones_like(p), where=rest > 0)
    return np.asarray(-_power(rest, gamma) * (1 + gamma * p * ratio))
