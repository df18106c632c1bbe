"""Rectifiers: nothing or little for negative input, the input itself for positive."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.activations.base import Activation, prepare
from npdl_core.checks import check_float

__all__ = ["ELU", "SELU", "LeakyReLU", "ReLU", "ReLU6", "SoftPlus", "softplus"]


class ReLU(Activation):
    r"""Rectified linear unit: :math:`y = \max(0, x)`, any shape; the derivative at 0 is 0.

    Source: Nair and Hinton, Rectified linear units improve restricted Boltzmann machines, 2010.

    Examples
    --------
    >>> import numpy as np
    >>> ReLU()(np.array([-1.0, 2.0]))
    array([0., 2.])
    """

    needs_input = False

    def __call__(self, x: Any, out: NDArray[Any] | None = None) -> Any:
        """Return max(0, x)."""
        x, y = prepare(x, out)
        return np.maximum(x, 0, out=y)

    def vjp(self, pre_grad: Any, x: Any, y: Any, out: NDArray[Any] | None = None) -> Any:
        """Return ``pre_grad`` where the output is positive, else 0."""
        return np.multiply(pre_grad, np.greater(y, 0), out=out)


class ReLU6(Activation):
    r"""Rectified linear unit with a ceiling: :math:`y = \min(\max(0, x), 6)`, any shape.

    The derivative is 1 between 0 and 6, and 0 at both. Source: Krizhevsky, Convolutional deep belief networks
    on CIFAR-10, 2010.

    Examples
    --------
    >>> import numpy as np
    >>> ReLU6()(np.array([-1.0, 2.0, 9.0]))
    array([0., 2., 6.])
    """

    needs_input = False

    def __call__(self, x: Any, out: NDArray[Any] | None = None) -> Any:
        """Return x between 0 and 6."""
        x, y = prepare(x, out)
        return np.clip(x, 0, 6, out=y)

    def vjp(self, pre_grad: Any, x: Any, y: Any, out: NDArray[Any] | None = None) -> Any:
        """Return ``pre_grad`` where the output is between 0 and 6, else 0."""
        return np.multiply(pre_grad, np.logical_and(np.greater(y, 0), np.less(y, 6)), out=out)


class LeakyReLU(Activation):
    r"""Leaky rectifier: :math:`y = x` for positive x, else :math:`\alpha x`; any shape.

    The derivative is 1 for positive x, else :math:`\alpha`.

    Parameters
    ----------
    alpha : float
        Slope for negative x, at least 0.

    Notes
    -----
    Source: Maas et al., Rectifier nonlinearities improve neural network acoustic models, 2013.

    Examples
    --------
    >>> import numpy as np
    >>> LeakyReLU()(np.array([-1.0, 2.0]))
    array([-0.01,  2.  ])
    """

    needs_input = False

    def __init__(self, alpha: float = 0.01) -> None:
        self.alpha = check_float("alpha", alpha, 0)

    def __call__(self, x: Any, out: NDArray[Any] | None = None) -> Any:
        """Return x or alpha x."""
        x, y = prepare(x, out)
        leak = np.multiply(x, self.alpha)
        return np.maximum(x, leak, out=y) if self.alpha <= 1 else np.minimum(x, leak, out=y)

    def vjp(self, pre_grad: Any, x: Any, y: Any, out: NDArray[Any] | None = None) -> Any:
        """Return ``pre_grad`` times 1 or alpha."""
        slope = np.where(np.greater(y, 0), 1, np.asarray(self.alpha, np.asarray(y).dtype))
        return np.multiply(pre_grad, slope, out=out)


class ELU(Activation):
    r"""Exponential linear unit: :math:`y = x` for positive x, else :math:`\alpha (e^x - 1)`; any shape.

    The derivative is 1 for positive x, else :math:`\alpha e^x = y + \alpha`.

    Parameters
    ----------
    alpha : float
        What y approaches, negated, at least 0.

    Notes
    -----
    Source: Clevert et al., Fast and accurate deep network learning by exponential linear units, 2016.

    Examples
    --------
    >>> import numpy as np
    >>> ELU()(np.array([-1e4, -1.0, 2.0])).round(4)
    array([-1.    , -0.6321,  2.    ])
    """

    needs_input = False
    _scale = 1.0

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = check_float("alpha", alpha, 0)

    def __call__(self, x: Any, out: NDArray[Any] | None = None) -> Any:
        """Return scale x or scale alpha (exp x - 1)."""
        x, y = prepare(x, out)
        below = np.minimum(x, 0, out=np.empty_like(x))
        np.expm1(below, out=below)
        below *= self.alpha * self._scale
        np.maximum(x, 0, out=y)
        if self._scale != 1:
            y *= self._scale
        return np.add(y, below, out=y)

    def vjp(self, pre_grad: Any, x: Any, y: Any, out: NDArray[Any] | None = None) -> Any:
        """Return ``pre_grad`` times scale, or times y + scale alpha."""
        y = np.asarray(y)
        one = np.asarray(self._scale, y.dtype)
        slope = np.where(np.greater(y, 0), one, y + self.alpha * self._scale)
        return np.multiply(pre_grad, slope, out=out)


class SELU(ELU):
    r"""Scaled exponential linear unit: :class:`ELU` times :math:`\lambda`, any shape.

    With :math:`\lambda = 1.0507…`, :math:`\alpha = 1.6733…` and weights from ``lecun_normal`` layers keep
    mean 0 and variance 1. Source: Klambauer et al., Self-normalizing neural networks, 2017.

    Examples
    --------
    >>> import numpy as np
    >>> SELU()(np.array([-1e4, 1.0])).round(4)
    array([-1.7581,  1.0507])
    """

    _scale = 1.0507009873554805

    def __init__(self) -> None:
        super().__init__(1.6732632423543772)


def softplus(x: Any, out: NDArray[Any] | None = None) -> NDArray[Any]:
    r"""Return :math:`\ln(1 + e^x) = \max(x, 0) + \ln(1 + e^{-|x|})`; the second form cannot overflow.

    Parameters
    ----------
    x : ndarray
        Any shape.
    out : ndarray, optional
        Where to write; may be ``x``.

    Examples
    --------
    >>> softplus(np.array([-1e4, 0.0, 1e4])).round(4)
    array([0.000e+00, 6.931e-01, 1.000e+04])
    """
    x, y = prepare(x, out)
    rest = np.abs(x, out=np.empty_like(x))
    np.negative(rest, out=rest)
    np.exp(rest, out=rest)
    np.log1p(rest, out=rest)
    np.maximum(x, 0, out=y)
    return np.asarray(np.add(y, rest, out=y))


class SoftPlus(Activation):
    r"""Smooth rectifier: :math:`y = \ln(1 + e^x)`, any shape, positive.

    The derivative is the logistic function, :math:`\sigma(x) = 1 - e^{-y}`. Source: Dugas et al.,
    Incorporating second-order functional knowledge for better option pricing, 2000.

    Examples
    --------
    >>> import numpy as np
    >>> SoftPlus()(np.array([-1000.0, 0.0, 1000.0])).round(4)
    array([0.000e+00, 6.931e-01, 1.000e+03])
    """

    needs_input = False

    def __call__(self, x: Any, out: NDArray[Any] | None = None) -> Any:
        """Return ln(1 + exp x)."""
        return softplus(x, out)

    def vjp(self, pre_grad: Any, x: Any, y: Any, out: NDArray[Any] | None = None) -> Any:
        """Return ``pre_grad`` times 1 - exp(-y)."""
        slope = np.negative(y)
        slope = np.expm1(slope)
        return np.negative(np.multiply(pre_grad, slope, out=out), out=out)
