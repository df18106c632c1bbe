"""Functions of whole rows: softmax, softmin and the logarithm of the softmax, over the last axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core import kernels
from npdl_core.activations.base import Activation, floating
from npdl_core.errors import ShapeError

__all__ = ["LogSoftmax", "Softmax", "Softmin", "log_softmax", "softmax"]


def _rows(x: Any) -> NDArray[Any]:
    x = floating(x)
    if x.ndim == 0:
        raise ShapeError("softmax works along the last axis and got a single number; give an array (..., K)")
    return np.asarray(x)


def softmax(x: Any, out: NDArray[Any] | None = None) -> NDArray[Any]:
    r"""Return :math:`e^{x_j} / \sum_k e^{x_k}` along the last axis.

    It is shifted by the maximum, so it cannot overflow.

    Parameters
    ----------
    x : ndarray (..., K)
        Scores.
    out : ndarray (..., K), optional
        Where to write; may be ``x``.

    Raises
    ------
    ShapeError
        If ``x`` has no axis.

    Examples
    --------
    >>> softmax([[0.0, 0.0]])
    array([[0.5, 0.5]])
    """
    x = _rows(x)
    y: NDArray[Any] = kernels.softmax(x, np.empty_like(x) if out is None else out)
    return y


def log_softmax(x: Any, out: NDArray[Any] | None = None) -> NDArray[Any]:
    r"""Return :math:`x_j - \ln \sum_k e^{x_k}` along the last axis.

    Everything is shifted by the maximum first, so nothing overflows and large scores lose no digits.

    Parameters
    ----------
    x : ndarray (..., K)
        Scores.
    out : ndarray (..., K), optional
        Where to write; may be ``x``.

    Raises
    ------
    ShapeError
        If ``x`` has no axis.

    Examples
    --------
    >>> log_softmax([[1e4, 1e4]]).round(4)
    array([[-0.6931, -0.6931]])
    """
    x = _rows(x)
    y: NDArray[Any] = np.subtract(x, np.maximum.reduce(x, axis=-1, keepdims=True, initial=-np.inf), out=out)
    total = np.add.reduce(np.exp(y), axis=-1, keepdims=True)
    y -= np.log(total, out=total)
    return y


def _softmax_vjp(pre_grad: Any, y: Any, out: NDArray[Any] | None) -> Any:
    total = np.add.reduce(np.multiply(pre_grad, y), axis=-1, keepdims=True)
    centred = np.subtract(pre_grad, total, out=out)
    return np.multiply(centred, y, out=out)


class Softmax(Activation):
    r"""Softmax over the last axis of any rank: :math:`y_j = e^{x_j} / \sum_k e^{x_k}`; rows sum to 1.

    The gradient is the full Jacobian product :math:`y \circ (g - \sum_k g_k y_k)`. Arrays are (..., K).
    Source: Bridle, Probabilistic interpretation of feedforward classification network outputs, 1990.

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
        return _softmax_vjp(pre_grad, y, out)

    def elementwise_derivative(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the Jacobian's diagonal, y (1 - y)."""
        y = softmax(x)
        return np.asarray(y * (1 - y))


class Softmin(Activation):
    r"""Softmax of the negated input, over the last axis: :math:`y_j = e^{-x_j} / \sum_k e^{-x_k}`.

    The gradient is :math:`-y \circ (g - \sum_k g_k y_k)`. Arrays are (..., K).

    Examples
    --------
    >>> import numpy as np
    >>> Softmin()(np.log([[1.0, 3.0]])).round(4)
    array([[0.75, 0.25]])
    """

    needs_input = False

    def __call__(self, x: Any, out: NDArray[Any] | None = None) -> Any:
        """Return the softmax of -x (..., K)."""
        return softmax(np.negative(floating(x), out=out), out)

    def vjp(self, pre_grad: Any, x: Any, y: Any, out: NDArray[Any] | None = None) -> Any:
        """Return y (Σ pre_grad y - pre_grad)."""
        grad = _softmax_vjp(pre_grad, y, out)
        return np.negative(grad, out=grad)

    def elementwise_derivative(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the Jacobian's diagonal, y (y - 1)."""
        y = self(x)
        return np.asarray(y * (y - 1))


class LogSoftmax(Activation):
    r"""Logarithm of the softmax over the last axis: :math:`y_j = x_j - \ln \sum_k e^{x_k}`.

    The gradient is :math:`g - e^{y} \sum_k g_k`. Arrays are (..., K). With the objective ``nll`` it is the
    softmax cross-entropy.

    Examples
    --------
    >>> import numpy as np
    >>> LogSoftmax()(np.array([[1e4, 0.0]]))
    array([[     0., -10000.]])
    """

    needs_input = False

    def __call__(self, x: Any, out: NDArray[Any] | None = None) -> Any:
        """Return x - ln Σ exp x for x (..., K)."""
        return log_softmax(x, out)

    def vjp(self, pre_grad: Any, x: Any, y: Any, out: NDArray[Any] | None = None) -> Any:
        """Return pre_grad - exp(y) Σ pre_grad."""
        shared = np.exp(y)
        shared *= np.add.reduce(pre_grad, axis=-1, keepdims=True)
        return np.subtract(pre_grad, shared, out=out)

    def elementwise_derivative(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the Jacobian's diagonal, 1 - exp(y)."""
        return np.asarray(-np.expm1(self(x)))
