"""Gradients of the weights of all steps: the NumPy reference."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["recurrent_affine_backward"]

Array = NDArray[Any]


def recurrent_affine_backward(
    delta: Array,
    rows: Array,
    states: Array,
    W: Array,
    dW: Array,
    dU: Array,
    db: Array,
    out: Array | None,
) -> None:
    r"""Write the gradients of :math:`x W + b + h U` for the gradient ``delta`` of this sum.

    Parameters
    ----------
    delta : ndarray (M, kH)
        Gradient of the pre-activations; M is steps times samples.
    rows : ndarray (M, D)
        The inputs x.
    states : ndarray (M, H)
        The states h before each step.
    W : ndarray (D, kH)
        Input weights.
    dW, dU, db : ndarray (D, kH), (H, kH), (kH,)
        Where to write the gradients of weights and bias.
    out : ndarray (M, D) or None
        Where to write the gradient of x.
    """
    np.matmul(states.T, delta, out=dU)
    np.matmul(rows.T, delta, out=dW)
    np.add.reduce(delta, axis=0, out=db)
    if out is not None:
        np.matmul(delta, W.T, out=out)
