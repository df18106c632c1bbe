"""Kernels of rows (P, K), for outputs of any axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["in_rows"]


def in_rows(
    kernel: Callable[..., object],
    outputs: NDArray[Any],
    targets: NDArray[Any],
    *numbers: float | None,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the losses (...) and gradients (..., K) that a kernel writes for each position of ``outputs``.

    Parameters
    ----------
    kernel : callable
        Takes outputs (P, K), targets (P, K) or (P,), numbers, and where to write losses (P,) and gradients
        (P, K).
    outputs : ndarray (..., K)
        Predictions.
    targets : ndarray (..., K) or (...)
        What they should be, or class ids.
    *numbers
        What the gradient is multiplied by, and whatever else the kernel takes.

    Examples
    --------
    >>> from npdl_core import kernels
    >>> p = np.full((1, 2, 4), 0.25)
    >>> in_rows(kernels.softmax_cross_entropy, p, np.array([[0, 1]]), 0.5, 1e-11)[0].round(4)
    array([[1.3863, 1.3863]])
    """
    losses = np.empty(outputs.shape[:-1], outputs.dtype)
    grads = np.empty(outputs.shape, outputs.dtype)
    if outputs.ndim == 2:
        kernel(outputs, targets, *numbers, losses, grads)
    else:
        rows = (-1, outputs.shape[-1])
        wanted = targets.reshape(rows if targets.ndim == outputs.ndim else -1)
        kernel(outputs.reshape(rows), wanted, *numbers, losses.reshape(-1), grads.reshape(rows))
    return losses, grads
