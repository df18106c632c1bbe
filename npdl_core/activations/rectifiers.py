"""Rectified activations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.activations.base import Activation

__all__ = ["ReLU"]


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
        return np.maximum(x, 0, out=out)

    def vjp(self, pre_grad: Any, x: Any, y: Any, out: NDArray[Any] | None = None) -> Any:
        """Return ``pre_grad`` where the output is positive, else 0."""
        return np.multiply(pre_grad, np.greater(y, 0), out=out)
