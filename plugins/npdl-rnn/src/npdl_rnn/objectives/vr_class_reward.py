"""Rewards for stochastic layers: one for each right answer."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_float
from npdl_core.objectives.base import Objective, position_weights
from npdl_rnn.objectives.composed import Arguments, Composed, child_objective

__all__ = ["VRClassReward"]

Array = NDArray[Any]


class VRClassReward(Composed):
    r"""Reward each right classification, less a learned baseline: the variance-reduced REINFORCE rule.

    :math:`R_n = \mathrm{scale} \cdot [\arg\max_j y_{nj} = z_n]`;
    :math:`L = \sum_n w_n (l_n - R_n + l_b(b, R_n)) / \sum_n w_n`. Stochastic layers are handed
    :math:`(R_n - b) w_n / \sum_n w_n`; the outputs get the gradient of l only, since R is constant almost
    everywhere, and b that of :math:`l_b`: the mean reward for ``"mse"``.

    Parameters
    ----------
    scale : float
        The reward for a right answer.
    baseline : str, envelope or Objective, or None
        :math:`l_b`, by which the parameter ``b`` (1,) learns what reward to expect; None for b = 0.
    objective : str, envelope or Objective, optional
        l, by which everything before the outputs that is not stochastic learns; none by default.

    Notes
    -----
    Outputs (..., K), targets are class ids (...) or distributions (..., K); with K = 1 both are of two
    classes, apart at 0.5. Rewards have the shape of the positions: (N,), or (N, T) where every step is
    classified; layers get them by :meth:`Layer.reinforce` before each backward. Source: Williams, Simple
    statistical gradient-following algorithms, 1992; Mnih et al., Recurrent models of visual attention, 2014.

    Examples
    --------
    >>> loss = VRClassReward(baseline=None)
    >>> scores, classes = np.array([[0.9, 0.1], [0.8, 0.2]]), np.array([0, 1])
    >>> loss.forward(scores, classes), loss.reward(scores, classes)
    (-0.5, array([0.5, 0. ]))
    """

    ids: ClassVar[str] = "native"

    def __init__(self, scale: float = 1.0, baseline: Any = "mse", objective: Any = None) -> None:
        super().__init__()
        self.scale = check_float("scale", scale, 0, above=True)
        self.rewards = True
        self._baseline = None if baseline is None else child_objective(self, "baseline_loss", baseline)
        self._objective = None if objective is None else child_objective(self, "objective", objective)
        self._earned = _Earned(self.scale)
        self.fuses = None if self._objective is None else self._objective.fuses

    def connect_to(self, last_layer: Any) -> None:
        """Make the baseline, which starts at 0, and the objective's parameters."""
        if self._baseline is not None:
            self.add_param("b", (1,), "zero", decay=False)
        if self._objective is not None:
            self._objective.connect_to(last_layer)

    def losses(self, outputs: Array, targets: Array) -> Array:
        """Return -R of each position."""
        return -self._earned.losses(outputs, targets)

    def gradients(self, outputs: Array, targets: Array) -> Array:
        """Return zeros: R has no slope."""
        return self._earned.gradients(outputs, targets)

    def _baseline_case(self, outputs: Any, targets: Any, mask: Any, sample_weight: Any) -> Arguments:
        """Return what the baseline's objective is called with: b and R at each position."""
        earned = self._earned.forward(outputs, targets, mask)[..., None]
        return np.broadcast_to(self.b, earned.shape).astype(earned.dtype), earned, mask, sample_weight

    def total(
        self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None
    ) -> tuple[float, float]:
        """Return the weighted sum of the positions' losses and the sum of the weights."""
        given = outputs, targets, mask, sample_weight
        earned, weight = self._earned.total(*given)
        total = -earned
        if self._baseline is not None:
            total += self._baseline.forward(*self._baseline_case(*given)) * weight
        if self._objective is not None:
            total += self._objective.forward(*given) * weight
        return total, weight

    def total_and_gradient(
        self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None, *, fused: bool = False
    ) -> tuple[float, float, Array]:
        """Return what :meth:`total` does and the objective's gradient; write that of the baseline."""
        given = outputs, targets, mask, sample_weight
        earned, weight = self._earned.total(*given)
        total = -earned
        grad = self._earned.backward(*given)
        if self._baseline is not None:
            part, share, slope = self._baseline.total_and_gradient(*self._baseline_case(*given))
            total += part / (share or 1) * weight
            self.db = slope.sum(keepdims=True).reshape(1)
        if self._objective is not None:
            part, share, grad = self._objective.total_and_gradient(*given, fused=fused)
            total += part / (share or 1) * weight
        return total, weight, grad

    def reward(self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None) -> Array:
        """Return (R - b) w / Σw at each position."""
        earned = self._earned.forward(outputs, targets, mask)
        if self._baseline is not None:
            earned -= self.b[0]
        weights = position_weights(earned.shape, mask, sample_weight, self)
        if weights is None:
            return np.asarray(earned / max(earned.size, 1))
        return np.asarray(earned * (weights / (weights.sum() or 1)))


class _Earned(Objective):
    """R at each position."""

    ids: ClassVar[str] = "native"

    def __init__(self, scale: float) -> None:
        super().__init__("none")
        self.scale = scale

    def losses(self, outputs: Array, targets: Array) -> Array:
        right = _classes(outputs) == (targets if targets.ndim < outputs.ndim else _classes(targets))
        return np.where(right, self.scale, 0.0).astype(outputs.dtype)

    def gradients(self, outputs: Array, targets: Array) -> Array:
        return np.zeros_like(outputs)


def _classes(rows: Array) -> Array:
    """Return the class of each row (..., K): the largest entry's, or whether a single one exceeds a half."""
    if rows.shape[-1] == 1:
        return np.asarray(rows[..., 0] > 0.5)
    return np.asarray(rows.argmax(axis=-1))
