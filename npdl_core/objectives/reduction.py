"""What happens to losses and gradients of positions: weights, sums, and places among those that count."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Counted", "live", "scaled", "spread", "weighted_sum"]

Counted = tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None, NDArray[np.bool_] | None]
"""Outputs, targets and weights of the positions that count, and where these are if some are left out."""


def live(
    outputs: NDArray[Any], targets: NDArray[Any], weights: NDArray[Any], where: NDArray[np.bool_] | None
) -> Counted:
    """Leave out the positions whose weight is zero; ``where`` is what was left out before."""
    if weights.all():
        return outputs, targets, weights, where
    counts = weights > 0
    place = counts
    if where is not None:
        place = where.copy()
        place[where] = counts
    return outputs[counts], targets[counts], weights[counts], place


def spread(values: NDArray[Any], where: NDArray[np.bool_]) -> NDArray[Any]:
    """Return values of counted positions at their places among all, zeros elsewhere."""
    full = np.zeros(where.shape + values.shape[1:], values.dtype)
    full[where] = values
    return full


def scaled(grads: NDArray[Any], scale: float) -> NDArray[Any]:
    """Return gradients times a number, in place."""
    if scale != 1:
        grads *= scale
    return grads


def weighted_sum(losses: NDArray[Any], weights: NDArray[Any] | None) -> tuple[float, float, NDArray[Any]]:
    """Return the weighted sum of losses, the sum of the weights, and the weighted losses."""
    weight = float(losses.size)
    if weights is not None:
        losses = losses * weights.astype(losses.dtype)
        weight = float(np.add.reduce(weights, axis=None))
    return float(np.add.reduce(losses, axis=None, dtype=np.float64)), weight, losses
