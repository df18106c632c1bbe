"""S-shaped activations made of straight pieces."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.activations.base import Activation, prepare
from npdl_core.checks import check_float

__all__ = ["HardSigmoid", "HardTanh"]


class HardSigmoid(Activation):
    r"""Straight-line sigmoid: :math:`y = \min(\max(0, \alpha x + \beta), 1)`, any shape.

    The derivative is :math:`\alpha` where 0 < y < 1, else 0. The default is PyTorch's and Keras's; ONNX has
    :math:`\alpha = 0.2`.

    Parameters
    ----------
    alpha : float
        Slope.
    beta : float
        Value at 0.

    Notes
    -----
    Source: Courbariaux et al., BinaryConnect, 2015.

    Examples
    --------
    >>> import numpy as np
    >>> HardSigmoid()(np.array([-4.0, 0.0, 1.5]))
    array([0.  , 0.5 , 0.75])
    """

    needs_input = False

    def __init__(self, alpha: float = 1 / 6, beta: float = 0.5) -> None:
        self.alpha = check_float("alpha", alpha)
        self.beta = check_float("beta", beta)

    def __call__(self, x: Any, out: NDArray[Any] | None = None) -> Any:
        """Return alpha x + beta between 0 and 1."""
        x, y = prepare(x, out)
        np.multiply(x, self.alpha, out=y)
        np.add(y, self.beta, out=y)
        return np.clip(y, 0, 1, out=y)

    def vjp(self, pre_grad: Any, x: Any, y: Any, out: NDArray[Any] | None = None) -> Any:
        """Return ``pre_grad`` times alpha where the output is between 0 and 1, else 0."""
        inside = np.logical_and(np.greater(y, 0), np.less(y, 1))
        grad = np.multiply(pre_grad, inside, out=out)
        return np.multiply(grad, self.alpha, out=out)


class HardTanh(Activation):
    r"""Straight-line hyperbolic tangent: :math:`y = \min(\max(-1, x), 1)`, any shape.

    The derivative is 1 where -1 < y < 1, else 0. Source: Collobert, Large scale machine learning, 2004.

    Examples
    --------
    >>> import numpy as np
    >>> HardTanh()(np.array([-4.0, 0.5, 2.0]))
    array([-1. ,  0.5,  1. ])
    """

    needs_input = False

    def __call__(self, x: Any, out: NDArray[Any] | None = None) -> Any:
        """Return x between -1 and 1."""
        x, y = prepare(x, out)
        return np.clip(x, -1, 1, out=y)

    def vjp(self, pre_grad: Any, x: Any, y: Any, out: NDArray[Any] | None = None) -> Any:
        """Return ``pre_grad`` where the output is between -1 and 1, else 0."""
        return np.multiply(pre_grad, np.less(np.abs(y), 1), out=out)
