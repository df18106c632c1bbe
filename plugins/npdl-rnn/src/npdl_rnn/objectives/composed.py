"""Objectives that compute through other objectives."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import ConfigError, printable
from npdl_core.objectives.base import Objective

__all__ = ["Composed", "WrappedObjective"]

Array = NDArray[Any]
Arguments = tuple[Any, Any, Any, Any]


class Composed(Objective):
    """Base of objectives that define ``total`` and ``total_and_gradient``; all else follows from the two."""

    def __init__(self) -> None:
        super().__init__()

    @abstractmethod
    def total(
        self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None
    ) -> tuple[float, float]:
        """Return a sum and what it is divided by."""

    @abstractmethod
    def total_and_gradient(
        self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None, *, fused: bool = False
    ) -> tuple[float, float, Array]:
        """Return what :meth:`total` does and the gradient of the quotient; write parameter gradients."""

    def forward(self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None) -> float:
        """Return the loss; zero if nothing counts."""
        total, weight = self.total(outputs, targets, mask, sample_weight)
        return total / weight if weight else 0.0

    def backward(self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None) -> Array:
        """Return the gradient of the loss with respect to ``outputs``."""
        return self.total_and_gradient(outputs, targets, mask, sample_weight)[2]

    def fused_backward(
        self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None
    ) -> Array:
        """Return the gradient with respect to the argument of the function that :attr:`fuses` names."""
        return self.total_and_gradient(outputs, targets, mask, sample_weight, fused=True)[2]


def child_objective(parent: Objective, name: str, spec: Any) -> Objective:
    """Declare an objective below another one and return it.

    Raises
    ------
    ConfigError
        If it does not say how much its mean is of: one outside the base, or with another reduction.
    """
    objective = parent.add_child("objectives", name, spec)
    if not isinstance(objective, Objective) or objective.reduction != "mean":
        raise ConfigError(
            f"{parent}: {name} must be an objective with reduction='mean', got "
            f"{printable(repr(objective), 80)}"
        )
    return objective


class WrappedObjective(Composed):
    """Base of objectives that hand other arguments to an objective, or divide its sum by something else.

    Parameters
    ----------
    objective : str, envelope or Objective
        What is wrapped.
    """

    ids: ClassVar[str]
    objective: Objective

    def __init__(self, objective: Any) -> None:
        super().__init__()
        inner = child_objective(self, "objective", objective)
        self.fuses, self.rewards = inner.fuses, inner.rewards
        self.__dict__["ids"] = inner.ids

    def arguments(self, outputs: Any, targets: Any, mask: Any, sample_weight: Any) -> Arguments:
        """Return the arguments that the wrapped objective gets."""
        return outputs, targets, mask, sample_weight

    def count(self, weight: float, outputs: Any, mask: Any, sample_weight: Any) -> float:
        """Return what the sum is divided by; ``weight`` is what the wrapped objective divides by."""
        return weight

    def connect_to(self, last_layer: Any) -> None:
        """Make the wrapped objective's parameters."""
        self.objective.connect_to(last_layer)

    def losses(self, outputs: Array, targets: Array) -> Array:
        """Return the wrapped objective's loss of each position."""
        return self.objective.losses(outputs, targets)

    def gradients(self, outputs: Array, targets: Array) -> Array:
        """Return the wrapped objective's derivative at each position."""
        return self.objective.gradients(outputs, targets)

    def total(
        self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None
    ) -> tuple[float, float]:
        """Return the wrapped objective's sum and what it is divided by."""
        total, weight = self.objective.total(*self.arguments(outputs, targets, mask, sample_weight))
        return total, self.count(weight, outputs, mask, sample_weight)

    def evaluation_total(
        self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None
    ) -> tuple[float, float]:
        """Return the sum that the wrapped objective reports in evaluation, and what it is divided by."""
        given = self.arguments(outputs, targets, mask, sample_weight)
        total, weight = self.objective.evaluation_total(*given)
        return total, self.count(weight, outputs, mask, sample_weight)

    def total_and_gradient(
        self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None, *, fused: bool = False
    ) -> tuple[float, float, Array]:
        """Return the sum, what it is divided by, and the quotient's gradient."""
        given = self.arguments(outputs, targets, mask, sample_weight)
        total, weight, grad = self.objective.total_and_gradient(*given, fused=fused)
        count = self.count(weight, outputs, mask, sample_weight)
        if count != weight:
            factor = weight / count if count else 0.0
            for array in (grad, *self.objective.grads):
                array *= array.dtype.type(factor)
        return total, count, grad

    def reward(self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None) -> Array:
        """Return the wrapped objective's rewards."""
        given = self.arguments(outputs, targets, mask, sample_weight)
        weight = self.objective.total(*given)[1]
        count = self.count(weight, outputs, mask, sample_weight)
        return np.asarray(self.objective.reward(*given) * (weight / count if count else 0.0))
