"""The identity and the exponential."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.activations.base import Activation, prepare

__all__ = ["Exponential", "Linear"]


class Linear(Activation):
    r"""Return the input: :math:`y = x`, any shape.

    Examples
    --------
    >>> Linear()(2.5)
    2.5
    """

    needs_input = False

    def __call__(self, x: Any, out: NDArray[Any] | None = None) -> Any:
        """Return ``x``."""
        return x if out is None or out is x else _copy(x, out)

    def vjp(self, pre_grad: Any, x: Any, y: Any, out: NDArray[Any] | None = None) -> Any:
        """Return ``pre_grad``."""
        return pre_grad if out is None or out is pre_grad else _copy(pre_grad, out)


def _copy(source: Any, out: NDArray[Any]) -> NDArray[Any]:
    np.copyto(out, source)
    return out


class Exponential(Activation):
    r"""Exponential function: :math:`y = e^x`, any shape; the derivative is y.

    Where :math:`e^x` exceeds the largest number of the dtype (x > 88.7 in float32, 709.7 in float64), y stays
    just below that number, and the derivative is that of a constant, 0.

    Examples
    --------
    >>> import numpy as np
    >>> Exponential()(np.array([-1e4, 0.0, 1.0])).round(4)
    array([0.    , 1.    , 2.7183])
    """

    needs_input = False

    def __call__(self, x: Any, out: NDArray[Any] | None = None) -> Any:
        """Return exp x."""
        x, y = prepare(x, out)
        np.minimum(x, _highest(x.dtype), out=y)
        return np.exp(y, out=y)

    def vjp(self, pre_grad: Any, x: Any, y: Any, out: NDArray[Any] | None = None) -> Any:
        """Return ``pre_grad`` times y, and 0 where y cannot grow."""
        y = np.asarray(y)
        slope = np.where(np.less(y, np.exp(_highest(y.dtype))), y, 0)
        return np.multiply(pre_grad, slope, out=out)


def _highest(dtype: np.dtype[Any]) -> Any:
    """Return an argument, in ``dtype``, whose exponential is finite and close to the largest number."""
    return dtype.type(math.log(float(np.finfo(dtype).max)) * (1 - 2 * float(np.finfo(dtype).eps)))
