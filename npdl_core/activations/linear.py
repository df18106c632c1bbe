"""The identity as an activation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.activations.base import Activation

__all__ = ["Linear"]


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
