"""The positions of a batch that count, as rows: what every metric computes with."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import DataError
from npdl_core.objectives.base import class_ids, match_targets, position_weights

__all__ = ["Positions", "counted", "predicted_classes"]


class Positions(NamedTuple):
    """P positions that count, samples or time steps, one row each.

    Attributes
    ----------
    outputs : ndarray (P, K)
        What was predicted.
    targets : ndarray (P,) or (P, K)
        Class ids, or numbers of the outputs' shape.
    weights : ndarray (P,) of float64
        All above 0.
    """

    outputs: NDArray[Any]
    targets: NDArray[Any]
    weights: NDArray[np.float64]


def counted(outputs: Any, targets: Any, mask: Any, sample_weight: Any, who: object) -> Positions:
    """Return the positions of a batch whose mask and weight are not zero; the others may hold anything.

    Outputs are (N,) or (..., K), targets of the same shape, or (...) for class ids (K of 2 and more) and for
    one output.

    Raises
    ------
    DataError
        If shapes do not fit; ``who`` begins the message.
    """
    predicted, wanted = np.asarray(outputs), np.asarray(targets)
    for name, array in (("outputs", predicted), ("targets", wanted)):
        if array.dtype.kind not in "biuf":
            raise DataError(f"{who}: {name} must be numbers, got an array of {array.dtype}")
    if predicted.ndim == 0 or (predicted.ndim > 1 and predicted.shape[-1] == 0):
        raise DataError(
            f"{who}: outputs must be (N,) or (..., K) with K columns, got shape {predicted.shape}"
        )
    if predicted.ndim > 1 and wanted.shape == predicted.shape[:-1]:
        wanted = wanted if predicted.shape[-1] > 1 else wanted[..., None]
    else:
        predicted, wanted = match_targets(predicted, wanted, who)
    weights = position_weights(predicted.shape[:-1], mask, sample_weight, who)
    as_ids = wanted.ndim < predicted.ndim
    predicted = predicted.reshape(-1, predicted.shape[-1])
    wanted = wanted.reshape(-1) if as_ids else wanted.reshape(predicted.shape)
    if weights is None:
        return Positions(predicted, wanted, np.ones(len(predicted)))
    flat = weights.reshape(-1)
    live = flat > 0
    return Positions(predicted[live], wanted[live], flat[live])


def predicted_classes(
    positions: Positions, threshold: float, who: object
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return predicted and true class (P,): of two for one output, else the one of the largest entry.

    Raises
    ------
    DataError
        If class ids are out of range, or targets (P, K) are no distributions over the K classes.
    """
    outputs, targets, _ = positions
    if targets.ndim == 1:
        return outputs.argmax(axis=-1), class_ids(targets, outputs.shape, who)
    if outputs.shape[-1] == 1:
        return (outputs[:, 0] >= threshold).astype(np.intp), (targets[:, 0] >= 0.5).astype(np.intp)
    if targets.size and not (np.abs(targets.sum(axis=-1, dtype=np.float64) - 1) < 1e-3).all():
        raise DataError(
            f"{who}: each row of targets {targets.shape} must be a distribution over classes and sum to 1; "
            "where a row may hold several events, or none, use binary_accuracy"
        )
    return outputs.argmax(axis=-1), targets.argmax(axis=-1)
