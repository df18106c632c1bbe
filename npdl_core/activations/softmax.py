"""The softmax over the last axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.activations.base import Activation

__all__ = ["Softmax", "softmax"]


def softmax(x: Any, out: NDArray[Any] | None = None) -> NDArray[Any]:
    r"""Return :math:`e^{x_j} / \sum_k e^{x_k}` along the last axis, shifted by the maximum so that it cannot
    overflow.

    Parameters
    ----------
    x : ndarray (..., K)
        Scores.
    out : ndarray (..., K), optional
        Where to write; may be ``x``.

    Examples
    --------
    >>> softmax([[0.0, 0.0]])
    array([[0.5, 0.5]])
    """
    x = np.asarray(x)
    y: NDArray[Any] = np.subtract(x, x.max(axis=-1, keepdims=True), out=out)
    y = np.exp(y, out=y if y.dtype.kind == "f" else None)
    y /= y.sum(axis=-1, keepdims=True)
    return y


class Softmax(Activation):
    r"""Softmax over the last axis of any rank: :math:`y_j = e^{x_j} / \sum_k e^{x_k}`; rows sum to 1.

    The gradient is the full Jacobian product :math:`y \circ (g - \sum_k g_k y_k)`.

    Examples
    --------
    >>> import numpy as np
    >>> Softmax()(np.log([[1.0, 3.0]])).round(4)
    array([[0.25, 0.75]])
    """

    needs_input = False
    ends_with = "softmax"

    def __call__(self, x: Any, out: NDArray[Any] | None = None) -> Any:
        """Return the softmax of x (..., K)."""
        return softmax(x, out)

    def vjp(self, pre_grad: Any, x: Any, y: Any, out: NDArray[Any] | None = None) -> Any:
        """Return y (pre_grad - Σ pre_grad y)."""
        total = np.sum(np.multiply(pre_grad, y), axis=-1, keepdims=True)
        centred = np.subtract(pre_grad, total, out=out)
        return np.multiply(centred, y, out=out)

    def elementwise_derivative(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the Jacobian's diagonal, y (1 - y)."""
        y = softmax(x)
        return y * (1 - y)
