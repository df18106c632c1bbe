"""Objectives of independent events: each output is the probability of one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.activations.rectifiers import softplus
from npdl_core.activations.sigmoids import sigmoid
from npdl_core.checks import check_bool, check_float
from npdl_core.errors import DataError
from npdl_core.objectives.base import Objective
from npdl_core.objectives.classification import ClassWeights

__all__ = ["BinaryCrossEntropy", "BinaryObjective"]


class BinaryObjective(Objective):
    r"""A loss of K independent probabilities and targets in [0, 1], both (..., K).

    Parameters
    ----------
    reduction : str
        See :class:`Objective`.
    label_smoothing : float
        s in [0, 1]; targets become :math:`(1 - s) t + s / 2`.
    class_weight : list of two floats or dict, optional
        :math:`w_0, w_1`; a position counts :math:`(1 - t) w_0 + t w_1`. For K = 1 only.
    """

    def __init__(
        self, reduction: str = "mean", label_smoothing: float = 0.0, class_weight: Any = None
    ) -> None:
        super().__init__(reduction)
        self.label_smoothing = check_float("label_smoothing", label_smoothing, 0, 1)
        self.class_weight = None if class_weight is None else ClassWeights(class_weight)
        if self.class_weight is not None:
            self.config["class_weight"] = self.class_weight.config()

    def weights(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any] | None:
        """Return the weights of the targets' classes.

        Raises
        ------
        DataError
            If positions with several outputs are to have one class weight.
        """
        if self.class_weight is None:
            return None
        if outputs.shape[-1] != 1:
            raise DataError(
                f"{self}: class_weight is for one output a position, got {outputs.shape[-1]} outputs; "
                "use sample_weight"
            )
        low, high = self.class_weight.table(2, self)
        return np.asarray(low + (high - low) * targets[..., 0])

    def smoothed(self, targets: NDArray[Any]) -> NDArray[Any]:
        """Return the targets, smoothed.

        Raises
        ------
        DataError
            If targets leave [0, 1].
        """
        if targets.size and (targets.min() < 0 or targets.max() > 1):
            raise DataError(
                f"{self}: targets must lie in [0, 1], got {targets.min()} … {targets.max()}; "
                "for targets -1 and 1 use (targets + 1) / 2"
            )
        if not self.label_smoothing:
            return targets
        return (1 - self.label_smoothing) * targets + self.label_smoothing / 2


class BinaryCrossEntropy(BinaryObjective):
    r"""Cross-entropy of independent events: :math:`l = -\sum_j [w t_j \ln p_j + (1 - t_j) \ln(1 - p_j)]`.

    Parameters
    ----------
    epsilon : float
        Lower bound of p and of 1 - p in the loss and in its slope, each inside its own logarithm, so that
        float32 cannot round it away.
    from_logits : bool
        Outputs are scores before the logistic function.
    reduction : str
        See :class:`Objective`.
    label_smoothing : float
        s in [0, 1]; targets become :math:`(1 - s) t + s / 2`.
    class_weight : list of two floats or dict, optional
        What a position counts by its target; for K = 1.
    pos_weight : float or list of K floats
        w, what the positive term counts within a position.

    Notes
    -----
    Outputs and targets (..., K), targets in [0, 1]. Behind a layer that ends with a sigmoid the model takes
    both derivatives together, which is :math:`p - t` for w = 1.

    Examples
    --------
    >>> import numpy as np
    >>> round(BinaryCrossEntropy().forward(np.array([[0.8]]), np.array([[1.0]])), 4)
    0.2231
    """

    def __init__(
        self,
        epsilon: float = 1e-11,
        from_logits: bool = False,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
        class_weight: Any = None,
        pos_weight: Any = 1.0,
    ) -> None:
        super().__init__(reduction, label_smoothing, class_weight)
        self.epsilon = check_float("epsilon", epsilon, 0, 1, above=True, below=True)
        self.from_logits = check_bool("from_logits", from_logits)
        self.fuses = None if from_logits else "sigmoid"
        self.pos_weight = self.config["pos_weight"] = _positive_weights(pos_weight)

    def _terms(self, outputs: NDArray[Any], targets: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return what multiplies -ln p and -ln(1 - p)."""
        targets = self.smoothed(targets)
        rest = 1 - targets
        if self.pos_weight == 1:
            return targets, rest
        weight = np.asarray(self.pos_weight, outputs.dtype)
        if weight.ndim and len(weight) != outputs.shape[-1]:
            raise DataError(
                f"{self}: pos_weight has {len(weight)} entries, the outputs have {outputs.shape[-1]}"
            )
        return targets * weight, rest

    def losses(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return -Σ [w t ln p + (1 - t) ln(1 - p)]."""
        yes, no = self._terms(outputs, targets)
        if self.from_logits:
            parts = yes * softplus(-outputs) + no * softplus(outputs)
            return np.asarray(np.add.reduce(parts, axis=-1))
        log_p = np.log(np.maximum(outputs, self.epsilon))
        log_rest = np.log(np.maximum(1 - outputs, self.epsilon))
        return np.asarray(-np.add.reduce(yes * log_p + no * log_rest, axis=-1))

    def gradients(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return (1 - t)/(1 - p) - w t/p, or the fused form at σ(z) from logits."""
        if self.from_logits:
            return self.fused_gradients(sigmoid(outputs), targets)
        yes, no = self._terms(outputs, targets)
        slope = no / np.maximum(1 - outputs, self.epsilon)
        slope -= yes / np.maximum(outputs, self.epsilon)
        return np.asarray(slope)

    def fused_gradients(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return (1 - t) p - w t (1 - p), the derivative with respect to the sigmoid's argument."""
        yes, no = self._terms(outputs, targets)
        if self.pos_weight == 1:
            return np.asarray(outputs - yes)
        return np.asarray(no * outputs - yes * (1 - outputs))


def _positive_weights(given: Any) -> float | list[float]:
    if isinstance(given, (list, tuple)) or getattr(given, "ndim", 0) == 1:
        return [check_float(f"pos_weight[{index}]", weight, 0) for index, weight in enumerate(given)]
    return check_float("pos_weight", given, 0)
