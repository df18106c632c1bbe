"""The contract of an objective, and the reductions, masks and weights that all of them share."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_choice
from npdl_core.errors import DataError
from npdl_core.parameterized import Parameterized

__all__ = ["Objective", "ObjectiveProtocol", "class_ids", "match_targets", "position_weights"]


@runtime_checkable
class ObjectiveProtocol(Protocol):
    """What a model relies on."""

    def forward(self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None) -> Any:
        """Return the loss."""

    def backward(self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None) -> Any:
        """Return the gradient of the loss with respect to ``outputs``."""


class Objective(Parameterized):
    r"""A loss of outputs (..., K) and targets; subclasses define :meth:`losses` and :meth:`gradients`.

    Axes but the last are positions: samples, or samples and time steps. The loss is
    :math:`\sum_p w_p l_p / \sum_p w_p`, where :math:`w_p` is 1 unless a mask or sample weights are given, and
    :meth:`backward` is exactly its gradient.

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
    ids : str
        What targets of one rank less are: ``"one_hot"`` (expanded for the subclass), ``"native"`` (handed
        on), or ``"refuse"``.
    """

    kind: ClassVar[str] = "objectives"
    ids: ClassVar[str] = "refuse"
    fuses: str | None = None
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

    def weights(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any] | None:
        """Return weights (...) that follow from the targets, such as class weights; None for none."""
        return None

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

    def _measure(
        self, outputs: Any, targets: Any, mask: Any, sample_weight: Any
    ) -> tuple[float, float, NDArray[Any]]:
        predicted, wanted = self._prepare(outputs, targets)
        losses = self.losses(predicted, wanted)
        weights = self._combined_weights(predicted, wanted, mask, sample_weight)
        if weights is None:
            return float(losses.sum(dtype=np.float64)), float(losses.size), losses
        losses = np.where(weights > 0, losses * weights, 0)
        return float(losses.sum(dtype=np.float64)), float(weights.sum(dtype=np.float64)), losses

    def backward(
        self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None
    ) -> NDArray[Any]:
        """Return the gradient of the loss with respect to ``outputs``, in their shape and dtype."""
        predicted, wanted = self._prepare(outputs, targets)
        grads = self.gradients(predicted, wanted)
        return self._scale(grads, predicted, wanted, mask, sample_weight).reshape(np.shape(outputs))

    def fused_backward(
        self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None
    ) -> NDArray[Any]:
        """Return the gradient with respect to the argument of the last layer's :attr:`fuses` function."""
        predicted, wanted = self._prepare(outputs, targets)
        grads = self.fused_gradients(predicted, wanted)
        return self._scale(grads, predicted, wanted, mask, sample_weight)

    def fused_gradients(self, outputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return each position's derivative with respect to the fused function's argument; a new array."""
        raise DataError(f"{self} fuses with {self.fuses}: nothing to take together")

    def _scale(
        self, grads: NDArray[Any], outputs: NDArray[Any], targets: NDArray[Any], mask: Any, sample_weight: Any
    ) -> NDArray[Any]:
        weights = self._combined_weights(outputs, targets, mask, sample_weight)
        if weights is None:
            if self.reduction == "mean":
                positions = outputs.size // max(outputs.shape[-1], 1)
                grads *= 1 / max(positions, 1)
            return grads
        if self.reduction == "mean":
            weights = weights / (weights.sum() or 1)
        grads *= weights[..., None].astype(grads.dtype)
        grads[weights == 0] = 0
        return grads

    def _prepare(self, outputs: Any, targets: Any) -> tuple[NDArray[Any], NDArray[Any]]:
        predicted = np.asarray(outputs)
        if predicted.ndim == 0:
            raise DataError(f"{self}: outputs must have a batch axis, got a single number")
        if predicted.dtype.kind != "f":
            predicted = predicted.astype(np.float64)
        wanted = np.asarray(targets)
        if wanted.dtype.kind not in "biuf":
            raise DataError(f"{self}: targets must be numbers, got an array of {wanted.dtype}")
        if self.ids != "refuse" and wanted.ndim == predicted.ndim - 1 and predicted.shape[-1] > 1:
            ids = class_ids(wanted, predicted.shape, str(self))
            return predicted, ids if self.ids == "native" else one_hot_like(ids, predicted)
        predicted, wanted = match_targets(predicted, wanted, str(self))
        return predicted, wanted.astype(predicted.dtype, copy=False)

    def _combined_weights(
        self, outputs: NDArray[Any], targets: NDArray[Any], mask: Any, sample_weight: Any
    ) -> NDArray[Any] | None:
        given = position_weights(outputs.shape[:-1], mask, sample_weight, str(self))
        own = self.weights(outputs, targets)
        if own is None or given is None:
            return given if own is None else own
        return own * given


def match_targets(
    outputs: NDArray[Any], targets: NDArray[Any], who: str
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return outputs and targets of one shape with at least two axes; (N,) and (N, 1) stand for each other."""
    if outputs.ndim == 1:
        outputs = outputs[:, None]
    if targets.ndim == 1 and outputs.ndim == 2 and outputs.shape[1] == 1:
        targets = targets[:, None]
    if outputs.shape != targets.shape:
        raise DataError(
            f"{who}: outputs have shape {outputs.shape} and targets {targets.shape}; give targets of the outputs' shape"
            " (or class ids where the objective takes them); nothing is broadcast"
        )
    return outputs, targets


def class_ids(targets: NDArray[Any], output_shape: tuple[int, ...], who: str) -> NDArray[np.integer[Any]]:
    """Return targets as class ids after checking their shape, type and range."""
    n_classes = output_shape[-1]
    if targets.shape != output_shape[:-1]:
        raise DataError(
            f"{who}: class ids must have shape {output_shape[:-1]} for outputs {output_shape}, got {targets.shape}"
        )
    if targets.dtype.kind not in "biu":
        raise DataError(
            f"{who}: targets of one rank less than the outputs are class ids and must be integers, got {targets.dtype}; "
            "use targets.astype(int), or targets of the outputs' shape"
        )
    if targets.size and (targets.min() < 0 or targets.max() >= n_classes):
        raise DataError(
            f"{who}: class ids must lie in 0 … {n_classes - 1}, got {targets.min()} … {targets.max()}"
        )
    return targets


def one_hot_like(ids: NDArray[np.integer[Any]], outputs: NDArray[Any]) -> NDArray[Any]:
    """Return ids (...) as a one-hot array of the outputs' shape (..., K) and dtype."""
    encoded = np.zeros(outputs.shape, outputs.dtype)
    np.put_along_axis(encoded, ids[..., None].astype(np.intp), 1, axis=-1)
    return encoded


def position_weights(shape: tuple[int, ...], mask: Any, sample_weight: Any, who: str) -> NDArray[Any] | None:
    """Return the product of mask and sample weights at positions of ``shape``, or None if neither is given.

    Raises
    ------
    DataError
        If a shape does not fit, or a weight is negative or not finite.
    """
    if mask is None and sample_weight is None:
        return None
    weights = np.ones(shape)
    for name, given in (("mask", mask), ("sample_weight", sample_weight)):
        if given is None:
            continue
        array = np.asarray(given)
        if array.ndim == 2 and array.shape[1] == 1 and len(shape) == 1:
            array = array[:, 0]
        if array.ndim == 0 or array.shape != shape[: array.ndim]:
            raise DataError(
                f"{who}: {name} has shape {array.shape}, which does not fit positions of shape {shape}"
            )
        if array.dtype.kind not in "biuf" or (
            array.size and not (np.isfinite(array).all() and array.min() >= 0)
        ):
            raise DataError(f"{who}: {name} must be finite and not negative")
        weights = weights * array.reshape(array.shape + (1,) * (len(shape) - array.ndim))
    return weights
