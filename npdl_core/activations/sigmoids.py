"""S-shaped activations made of exponentials."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.activations.base import Activation, prepare

__all__ = ["Sigmoid", "Tanh", "sigmoid"]


def sigmoid(x: Any, out: NDArray[Any] | None = None) -> NDArray[Any]:
    r"""Return :math:`1 / (1 + e^{-x}) = \tfrac12 \tanh(x / 2) + \tfrac12`.

    The second form cannot overflow. Its error is that of rounding 1: where the tail itself matters, as in
    ln y, take the logits.

    Parameters
    ----------
    x : ndarray
        Any shape.
    out : ndarray, optional
        Where to write; may be ``x``.

    Examples
    --------
    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    x, y = prepare(x, out)
    np.multiply(x, 0.5, out=y)
    np.tanh(y, out=y)
    np.multiply(y, 0.5, out=y)
    return np.asarray(np.add(y, 0.5, out=y))


class Sigmoid(Activation):
    r"""Logistic function: :math:`y = 1 / (1 + e^{-x})`, any shape, in (0, 1).

    The derivative is y (1 - y). With the binary cross-entropy the two derivatives are fused.

    Examples
    --------
    >>> import numpy as np
    >>> Sigmoid()(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """

    needs_input = False
    ends_with = "sigmoid"

    def __call__(self, x: Any, out: NDArray[Any] | None = None) -> Any:
        """Return the logistic function of x."""
        return sigmoid(x, out)

    def vjp(self, pre_grad: Any, x: Any, y: Any, out: NDArray[Any] | None = None) -> Any:
        """Return ``pre_grad`` times y (1 - y)."""
        slope = np.subtract(1, y)
        slope *= y
        return np.multiply(pre_grad, slope, out=out)


class Tanh(Activation):
    r"""Hyperbolic tangent: :math:`y = \tanh x = 2\sigma(2x) - 1`, any shape, in (-1, 1).

    The derivative is 1 - y².

    Examples
    --------
    >>> import numpy as np
    >>> Tanh()(np.array([0.0, 1.0])).round(4)
    array([0.    , 0.7616])
    """

    needs_input = False

    def __call__(self, x: Any, out: NDArray[Any] | None = None) -> Any:
        """Return tanh x."""
        x, y = prepare(x, out)
        return np.tanh(x, out=y)

    def vjp(self, pre_grad: Any, x: Any, y: Any, out: NDArray[Any] | None = None) -> Any:
        """Return ``pre_grad`` times (1 - y²)."""
        slope = np.multiply(y, y)
        slope = np.subtract(1, slope)
        return np.multiply(pre_grad, slope, out=out)
