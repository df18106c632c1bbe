"""Targets, masks and weights: checks of shapes and values, and the forms that objectives compute with."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import DataError

__all__ = ["class_ids", "match_targets", "one_hot_like", "position_weights"]


def match_targets(
    outputs: NDArray[Any], targets: NDArray[Any], who: object
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return outputs and targets of one shape with at least two axes; (N,) and (N, 1) stand for each other.

    Raises
    ------
    DataError
        If the shapes differ; ``who`` begins the message.
    """
    if outputs.ndim == 1:
        outputs = outputs[:, None]
    if targets.ndim == 1 and outputs.ndim == 2 and outputs.shape[1] == 1:
        targets = targets[:, None]
    if outputs.shape != targets.shape:
        raise DataError(
            f"{who}: outputs have shape {outputs.shape} and targets {targets.shape}; give targets of the "
            "outputs' shape (or class ids where the objective takes them); nothing is broadcast"
        )
    return outputs, targets


def check_id_shape(targets: NDArray[Any], output_shape: tuple[int, ...], who: object) -> None:
    """Refuse targets that do not have one id for each position of ``output_shape`` (..., K).

    Raises
    ------
    DataError
        ``who`` begins the message.
    """
    if targets.shape != output_shape[:-1]:
        raise DataError(
            f"{who}: class ids must have shape {output_shape[:-1]} for outputs {output_shape}, "
            f"got {targets.shape}"
        )


def class_ids(targets: NDArray[Any], output_shape: tuple[int, ...], who: object) -> NDArray[np.intp]:
    """Return targets as class ids after checking their shape, type and range.

    Raises
    ------
    DataError
        If they are not integers in 0 … K - 1, one for each position of ``output_shape`` (..., K); ``who``
        begins the message.
    """
    check_id_shape(targets, output_shape, who)
    if targets.dtype.kind not in "biu":
        raise DataError(
            f"{who}: targets of one rank less than the outputs are class ids and must be integers, "
            f"got {targets.dtype}; use targets.astype(int), or targets of the outputs' shape"
        )
    ids = targets.astype(np.intp, copy=False)
    # Seen as unsigned, negative ids are the largest: one pass checks both ends. argmax is faster than max.
    unsigned = ids.reshape(-1).view(np.uintp)
    if unsigned.size and unsigned[unsigned.argmax()] >= output_shape[-1]:
        raise DataError(
            f"{who}: class ids must lie in 0 … {output_shape[-1] - 1}, got {targets.min()} … {targets.max()}"
        )
    return ids


def one_hot_like(ids: NDArray[np.integer[Any]], outputs: NDArray[Any]) -> NDArray[Any]:
    """Return ids (...) as a one-hot array of the outputs' shape (..., K) and dtype.

    Examples
    --------
    >>> one_hot_like(np.array([1, 0]), np.zeros((2, 3)))
    array([[0., 1., 0.],
           [1., 0., 0.]])
    """
    encoded = np.zeros(outputs.shape, outputs.dtype)
    rows = encoded.reshape(-1, encoded.shape[-1])
    rows[np.arange(rows.shape[0]), ids.reshape(-1)] = 1
    return encoded


def position_weights(
    shape: tuple[int, ...], mask: Any, sample_weight: Any, who: object
) -> NDArray[Any] | None:
    """Return the product of mask and sample weights at positions of ``shape``, or None if neither is given.

    Both have the positions' shape or that of their first axes: a sample's weight counts for its time steps.

    Raises
    ------
    DataError
        If a shape does not fit, a mask is more than true and false, or a weight is negative or not finite.
    """
    if mask is None and sample_weight is None:
        return None
    weights = np.ones(shape)
    if mask is not None:
        factor = _factor(np.asarray(mask), shape, f"{who}: mask")
        if factor.dtype != bool and not np.logical_or(factor == 0, factor == 1).all():
            raise DataError(f"{who}: mask must be boolean (True where a position counts), or 0 and 1")
        weights *= factor
    if sample_weight is not None:
        weights *= _factor(np.asarray(sample_weight), shape, f"{who}: sample_weight")
    return weights


def _factor(array: NDArray[Any], shape: tuple[int, ...], what: str) -> NDArray[Any]:
    """Return weights with one axis for each of ``shape``, the missing ones of size 1."""
    if array.dtype.kind not in "biuf":
        raise DataError(f"{what} must be numbers, got an array of {array.dtype}")
    if len(shape) == 1 and array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 0 or array.shape != shape[: array.ndim]:
        raise DataError(f"{what} has shape {array.shape}, which does not fit positions of shape {shape}")
    if array.size and not (array.min() >= 0 and np.isfinite(array.max())):
        raise DataError(f"{what} must be finite and not negative")
    return array.reshape(array.shape + (1,) * (len(shape) - array.ndim))
