"""The NumPy kernels that core needs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["affine_backward", "affine_forward"]


def affine_forward(
    rows: NDArray[Any],
    W: NDArray[Any],
    b: NDArray[Any] | None,
    out: NDArray[Any],
    *,
    rectify: bool = False,
) -> NDArray[Any]:
    """Write rows W + b into ``out``.

    Parameters
    ----------
    rows : ndarray (M, D)
        Inputs.
    W : ndarray (D, H)
        Weights.
    b : ndarray (H,) or None
        Bias.
    out : ndarray (M, H)
        Where to write; returned.
    rectify : bool
        Write zeros for negative numbers.
    """
    np.matmul(rows, W, out=out)
    if b is not None:
        out += b
    return np.maximum(out, 0, out=out) if rectify else out


def affine_backward(
    delta: NDArray[Any],
    rows: NDArray[Any],
    W: NDArray[Any],
    dW: NDArray[Any],
    db: NDArray[Any] | None,
    out: NDArray[Any] | None,
    *,
    rectified: NDArray[Any] | None = None,
    scratch: NDArray[Any] | None = None,
) -> NDArray[Any] | None:
    """Write the gradients of :func:`affine_forward` for ``delta`` (M, H) into ``dW``, ``db`` and ``out``.

    Parameters
    ----------
    delta : ndarray (M, H)
        Gradient with respect to the output.
    rows : ndarray (M, D)
        Inputs of the forward.
    W, dW : ndarray (D, H)
        Weights, and where to write their gradient.
    db : ndarray (H,) or None
        Where to write the bias gradient.
    out : ndarray (M, D) or None
        Where to write the input's gradient; returned.
    rectified : ndarray (M, H), optional
        What a forward with ``rectify`` wrote: gradients count only where it is positive.
    scratch : ndarray (M, H), optional
        May be overwritten then, which saves an allocation.
    """
    if rectified is not None:
        delta = np.multiply(delta, np.greater(rectified, 0), out=scratch)
    np.matmul(rows.T, delta, out=dW)
    if db is not None:
        np.add.reduce(delta, axis=0, out=db)
    if out is not None:
        np.matmul(delta, W.T, out=out)
    return out
