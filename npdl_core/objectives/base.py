"""The contract of an objective, and the reduction that all of them share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_choice
from npdl_core.errors import DataError
from npdl_core.objectives.reduction import Counted, live, scaled, spread, weighted_sum
from npdl_core.objectives.targets import (
    check_id_shape,
    class_ids,
    match_targets,
    one_hot_like,
    position_weights,
)
from npdl_core.parameterized import Parameterized

__all__ = ["Objective", "ObjectiveProtocol", "class_ids", "match_targets", "position_weights"]


@runtime_checkable
class ObjectiveProtocol(Protocol):
    """What a model relies on."""

    def forward(self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None) -> Any:
        """Return the loss."""

    def backward(self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None) -> Any:
        """Return the gradient of the loss with respect to ``outputs``."""


Derivative = Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]
Both = tuple[NDArray[Any], NDArray[Any]]


class Objective(Parameterized):
    r"""A loss of outputs (..., K) and targets; subclasses define :meth:`losses` and :meth:`gradients`.

    Axes but the last are positions: samples, or samples and time steps. The loss is
    :math:`\sum_p w_p l_p / \sum_p w_p`, where :math:`w_p` is 1 unless a mask, sample weights or
    :meth:`weights` say otherwise, and :meth:`backward` is exactly its gradient. Positions of weight zero are
    not even looked at, so whatever padding holds has no influence: where there are some, subclasses get the
    other P positions as (P, K).

    Parameters
    ----------
    reduction : str
        ``"mean"`` as above, ``"sum"`` for :math:`\sum_p w_p l_p`, ``"none"`` for the array :math:`w_p l_p`
        (whose gradient is that of its sum).

    Attributes
    ----------
    fuses : str or None
        What the last layer may end with so that the two derivatives are taken together by
        :meth:`fused_backward`.
    rewards : bool
        Before each backward the model hands :meth:`reward` to its layers (:meth:`Layer.reinforce`).
    ids : str
        What targets of one rank less are: ``"one_hot"`` (expanded for the subclass), ``"native"`` (handed
        on), or ``"refuse"``.

    Examples
    --------
    >>> from npdl_core.objectives import MeanSquaredError
    >>> loss = MeanSquaredError()
    >>> loss.forward(np.array([[3.0], [np.nan]]), np.array([[1.0], [0.0]]), mask=np.array([True, False]))
    2.0
    """

    kind: ClassVar[str] = "objectives"
    ids: ClassVar[str] = "refuse"
    fuses: str | None = None
    rewards: bool = False
    reduction: str = "mean"

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = check_choice("reduction", reduction, ("mean", "sum", "none"))

    def connect_to(self, last_layer: Any) -> None:
        """Make parameters for the outputs of ``last_layer``; most objectives have none."""

    @abstractmethod
    def losses(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return the loss of each position (...) for outputs (..., K)."""

    @abstractmethod
    def gradients(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return the derivative (..., K) of each position's loss; a new array."""

    def fused_gradients(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return each position's derivative with respect to the fused function's argument; a new array."""
        raise DataError(f"{self} fuses with {self.fuses}: there is nothing to take together")

    def losses_and_gradients(self, outputs: NDArray[Any], targets: NDArray[Any], scale: float) -> Both:
        """Return :meth:`losses`, and :meth:`gradients` times ``scale``; for objectives that share the work.

        What a subclass defines here must agree with the two; where a class below it in turn overrides one of
        them, this is passed by.
        """
        return self.losses(outputs, targets), scaled(self.gradients(outputs, targets), scale)

    def losses_and_fused_gradients(self, outputs: NDArray[Any], targets: NDArray[Any], scale: float) -> Both:
        """Return the same with :meth:`fused_gradients`."""
        return self.losses(outputs, targets), scaled(self.fused_gradients(outputs, targets), scale)

    def weights(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any] | None:
        """Return weights (...) that follow from the targets, such as class weights; None for none."""
        return None

    # -- what callers use ----------------------------------------------------------------------------------

    def forward(self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None) -> Any:
        """Return the loss.

        Parameters
        ----------
        outputs : ndarray (..., K) or (N,)
            Predictions.
        targets : ndarray
            Of the same shape; or class ids (...), where this objective takes them. Only (N,) and (N, 1) stand
            for each other, nothing broadcasts.
        mask : ndarray of bool (...), optional
            True where a position counts.
        sample_weight : ndarray (N,) or (...), optional
            Non-negative weights.

        Returns
        -------
        float, or ndarray (...) for ``reduction="none"``
            Zero if nothing counts.

        Raises
        ------
        DataError
            For shapes that do not fit, or class ids out of range.
        """
        total, weight, losses = self._measure(outputs, targets, mask, sample_weight)
        if self.reduction == "none":
            return losses
        return total if self.reduction == "sum" else total / weight if weight else 0.0

    def total(
        self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None
    ) -> tuple[float, float]:
        """Return the weighted sum of the positions' losses and the sum of the weights."""
        return self._measure(outputs, targets, mask, sample_weight)[:2]

    def evaluation_total(
        self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None
    ) -> tuple[float, float]:
        """Return what :meth:`total` does where nothing is trained: a loss may train by a cheaper estimate."""
        return self.total(outputs, targets, mask, sample_weight)

    def reward(self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None) -> NDArray[Any]:
        """Return what each sample (N,) or step (N, T) earned, for stochastic layers (:attr:`rewards`)."""
        raise DataError(f"{self} has no rewards")

    def backward(
        self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None
    ) -> NDArray[Any]:
        """Return the gradient of the loss with respect to ``outputs``, in their shape and dtype."""
        return self._derive(self.gradients, outputs, targets, mask, sample_weight)

    def fused_backward(
        self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None
    ) -> NDArray[Any]:
        """Return the gradient with respect to the argument of the function that :attr:`fuses` names."""
        return self._derive(self.fused_gradients, outputs, targets, mask, sample_weight)

    def total_and_gradient(
        self,
        outputs: Any,
        targets: Any,
        mask: Any = None,
        sample_weight: Any = None,
        *,
        fused: bool = False,
    ) -> tuple[float, float, NDArray[Any]]:
        """Return what :meth:`total` and :meth:`backward`, or :meth:`fused_backward`, return, at once."""
        counted = self._counted(outputs, targets, mask, sample_weight)
        predicted, wanted, weights, _ = counted
        both = _both(type(self), fused)
        losses, grads = both(self, predicted, wanted, self._scale(predicted, weights))
        return *weighted_sum(losses, weights)[:2], self._place(grads, counted, outputs)

    # -- reduction -----------------------------------------------------------------------------------------

    def _measure(
        self, outputs: Any, targets: Any, mask: Any, sample_weight: Any
    ) -> tuple[float, float, NDArray[Any]]:
        predicted, wanted, weights, where = self._counted(outputs, targets, mask, sample_weight)
        total, weight, losses = weighted_sum(self.losses(predicted, wanted), weights)
        return total, weight, losses if where is None else spread(losses, where)

    def _derive(
        self, derivative: Derivative, outputs: Any, targets: Any, mask: Any, sample_weight: Any
    ) -> NDArray[Any]:
        counted = self._counted(outputs, targets, mask, sample_weight)
        predicted, wanted, weights, _ = counted
        grads = scaled(derivative(predicted, wanted), self._scale(predicted, weights))
        return self._place(grads, counted, outputs)

    def _scale(self, predicted: NDArray[Any], weights: NDArray[Any] | None) -> float:
        """Return what all gradients are multiplied by: one over the positions, unless these have weights."""
        alike = weights is None and self.reduction == "mean" and predicted.size
        return predicted.shape[-1] / predicted.size if alike else 1.0

    def _place(self, grads: NDArray[Any], counted: Counted, outputs: Any) -> NDArray[Any]:
        """Return gradients times their positions' weights, in the shape and dtype of the outputs."""
        outputs = np.asarray(outputs)
        _, _, weights, where = counted
        if weights is not None:
            if self.reduction == "mean":
                weights = weights / (np.add.reduce(weights, axis=None) or 1)
            grads *= weights[..., None].astype(grads.dtype)
        if where is not None:
            grads = spread(grads, where)
        if outputs.dtype.char == "e":
            largest = np.finfo(outputs.dtype).max
            grads = np.clip(grads, -largest, largest).astype(outputs.dtype)
        return grads if grads.shape == outputs.shape else grads.reshape(outputs.shape)

    def _counted(self, outputs: Any, targets: Any, mask: Any, sample_weight: Any) -> Counted:
        """Return what counts, checked, with targets in the form that the subclass takes."""
        predicted, wanted = _numbers(outputs, targets, self)
        as_ids = self.ids != "refuse" and wanted.ndim == predicted.ndim - 1 > 0 and predicted.shape[-1] > 1
        if as_ids:
            check_id_shape(wanted, predicted.shape, self)
        else:
            predicted, wanted = match_targets(predicted, wanted, self)
        weights = position_weights(predicted.shape[:-1], mask, sample_weight, self)
        where = None
        if weights is not None:
            predicted, wanted, weights, where = live(predicted, wanted, weights, None)
        if as_ids:
            wanted = class_ids(wanted, predicted.shape, self)
            if self.ids == "one_hot":
                wanted = one_hot_like(wanted, predicted)
        elif wanted.dtype != predicted.dtype:
            wanted = wanted.astype(predicted.dtype)
        own = self.weights(predicted, wanted)
        if own is None:
            return predicted, wanted, weights, where
        return live(predicted, wanted, own if weights is None else own * weights, where)


@cache
def _both(cls: type[Objective], fused: bool) -> Callable[..., Both]:
    """Return what computes losses and gradients at once in agreement with a class's single methods."""
    derivative = "fused_gradients" if fused else "gradients"
    shared = f"losses_and_{derivative}"
    depth = {
        name: next(i for i, parent in enumerate(cls.__mro__) if name in vars(parent))
        for name in (shared, "losses", derivative)
    }
    both: Callable[..., Both] = getattr(cls if depth[shared] == min(depth.values()) else Objective, shared)
    return both


def _numbers(outputs: Any, targets: Any, who: object) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return both as arrays of numbers, outputs in at least single precision."""
    predicted, wanted = np.asarray(outputs), np.asarray(targets)
    kind = predicted.dtype.kind
    if kind not in "fiub" or wanted.dtype.kind not in "fiub":
        raise DataError(
            f"{who}: outputs and targets must be numbers, got arrays of {predicted.dtype} and {wanted.dtype}"
        )
    if predicted.ndim == 0 or (predicted.ndim > 1 and predicted.shape[-1] == 0):
        raise DataError(
            f"{who}: outputs must have a batch axis and at least one column, got shape {predicted.shape}"
        )
    if kind != "f":
        predicted = predicted.astype(np.float64)
    elif predicted.itemsize < 4:
        predicted = predicted.astype(np.float32)
    return predicted, wanted
