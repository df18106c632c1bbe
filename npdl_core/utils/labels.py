"""Class ids and one-hot rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_int
from npdl_core.errors import DataError

__all__ = ["one_hot", "unhot"]


def one_hot(labels: Any, nb_classes: int | None = None) -> NDArray[np.float64]:
    """Return one-hot rows: column = label.

    Parameters
    ----------
    labels : array of int (...)
        Class ids from 0.
    nb_classes : int, optional
        K; the largest label plus one by default.

    Returns
    -------
    ndarray (..., K)
        float64.

    Raises
    ------
    DataError
        If a label is not an integer in 0 … K - 1.

    Examples
    --------
    >>> one_hot([0, 2], 3)
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    ids = np.asarray(labels)
    if ids.dtype.kind not in "iu":
        raise DataError(f"labels must be integers, got an array of {ids.dtype}")
    if nb_classes is None:
        nb_classes = int(ids.max()) + 1 if ids.size else 1
    n_classes = check_int("nb_classes", nb_classes, 1)
    if ids.size and (ids.min() < 0 or ids.max() >= n_classes):
        raise DataError(f"labels must lie in 0 … {n_classes - 1}, got {ids.min()} … {ids.max()}")
    encoded = np.zeros((*ids.shape, n_classes))
    np.put_along_axis(encoded, ids[..., None].astype(np.intp), 1.0, axis=-1)
    return encoded


def unhot(one_hot_labels: Any) -> NDArray[np.intp]:
    """Return the position of the largest entry along the last axis.

    Examples
    --------
    >>> unhot([[0, 1], [1, 0]])
    array([1, 0])
    """
    return np.asarray(np.argmax(np.asarray(one_hot_labels), axis=-1), np.intp)
