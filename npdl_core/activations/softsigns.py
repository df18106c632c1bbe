"""S-shaped activations without exponentials: they approach their bounds slowly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.activations.base import Activation, prepare
from npdl_core.checks import check_float

__all__ = ["Elliot", "SoftSign", "SymmetricElliot"]


class SymmetricElliot(Activation):
    r"""Elliot's symmetric sigmoid: :math:`y = s x / (1 + |s x|)`, any shape, in (-1, 1).

    The derivative is :math:`s / (1 + |s x|)^2`.

    Parameters
    ----------
    steepness : float
        s, above 0.

    Notes
    -----
    Source: Elliott, A better activation function for artificial neural networks, 1993.

    Examples
    --------
    >>> import numpy as np
    >>> SymmetricElliot()(np.array([-1.0, 0.0, 3.0]))
    array([-0.5 ,  0.  ,  0.75])
    """

    def __init__(self, steepness: float = 1) -> None:
        self.steepness = check_float("steepness", steepness, 0, above=True)

    def __call__(self, x: Any, out: NDArray[Any] | None = None) -> Any:
        """Return s x / (1 + |s x|)."""
        x, y = prepare(x, out)
        np.multiply(x, self.steepness, out=y)
        size = np.abs(y)
        size += 1
        return np.divide(y, size, out=y)

    def vjp(self, pre_grad: Any, x: Any, y: Any, out: NDArray[Any] | None = None) -> Any:
        """Return ``pre_grad`` times s / (1 + |s x|)²."""
        size = np.multiply(x, self.steepness)
        size = np.abs(size)
        size += 1
        root = np.reciprocal(size)
        slope = np.multiply(root, root)
        slope *= self.steepness
        return np.multiply(pre_grad, slope, out=out)


class Elliot(SymmetricElliot):
    r"""Elliot's sigmoid: :math:`y = \tfrac12 s x / (1 + |s x|) + \tfrac12`, any shape, in (0, 1).

    The derivative is :math:`\tfrac12 s / (1 + |s x|)^2`.

    Parameters
    ----------
    steepness : float
        s, above 0.

    Notes
    -----
    Source: Elliott, A better activation function for artificial neural networks, 1993.

    Examples
    --------
    >>> import numpy as np
    >>> Elliot()(np.array([-1.0, 0.0, 3.0]))
    array([0.25 , 0.5  , 0.875])
    """

    def __call__(self, x: Any, out: NDArray[Any] | None = None) -> Any:
        """Return ½ s x / (1 + |s x|) + ½."""
        x, y = prepare(x, out)
        super().__call__(x, y)
        np.multiply(y, 0.5, out=y)
        return np.add(y, 0.5, out=y)

    def vjp(self, pre_grad: Any, x: Any, y: Any, out: NDArray[Any] | None = None) -> Any:
        """Return ``pre_grad`` times ½ s / (1 + |s x|)²."""
        grad = super().vjp(pre_grad, x, y, out)
        return np.multiply(grad, 0.5, out=out)


class SoftSign(SymmetricElliot):
    r"""Softsign: :math:`y = x / (1 + |x|)`, any shape, in (-1, 1); the derivative is :math:`1 / (1 + |x|)^2`.

    Source: Bergstra et al., Quadratic polynomials learn better image features, 2009.

    Examples
    --------
    >>> import numpy as np
    >>> SoftSign()(np.array([-1.0, 0.0, 3.0]))
    array([-0.5 ,  0.  ,  0.75])
    """

    def __init__(self) -> None:
        super().__init__(1.0)
