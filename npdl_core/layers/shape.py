"""Layers that only change the shape."""

from __future__ import annotations

import math
from typing import Any

from npdl_core.checks import check_int
from npdl_core.errors import ShapeError
from npdl_core.layers.base import Layer, Shape

__all__ = ["Flatten"]


class Flatten(Layer):
    """Keep the first ``outdim - 1`` axes and flatten the rest.

    Parameters
    ----------
    outdim : int
        How many axes the output has, the batch axis included; at least 1.

    Notes
    -----
    Input (N, a, b, c); output (N, a·b·c) for ``outdim=2``, (N, a, b·c) for 3.

    Raises
    ------
    ShapeError
        On connecting, if the input has fewer axes than ``outdim``.

    Examples
    --------
    >>> Flatten().connect((None, 3, 4, 5)).out_shape
    (None, 60)
    >>> Flatten(3).connect((None, 3, 4, 5)).out_shape
    (None, 3, 20)
    """

    def __init__(self, outdim: int = 2) -> None:
        self.outdim = check_int("outdim", outdim, 1)

    def connect_to(self, prev_layer: Any = None) -> None:
        """Compute the flattened shape; it is unknown where one of the flattened sizes is."""
        shape: Shape = tuple(self.incoming_shape(prev_layer))
        if len(shape) < self.outdim:
            raise ShapeError(
                f"flatten: outdim={self.outdim} needs an input of at least that many axes, got shape {shape}"
            )
        kept, rest = shape[: self.outdim - 1], shape[self.outdim - 1 :]
        known = [size for size in rest if size is not None]
        self.out_shape = (*kept, math.prod(known) if len(known) == len(rest) else None)

    def forward(self, input: Any, train: bool = True) -> Any:
        """Return the input, reshaped."""
        if train:
            self.retain(input.shape)
        kept = input.shape[: self.outdim - 1]
        return input.reshape(*kept, math.prod(input.shape[self.outdim - 1 :]))

    def backward(self, pre_grad: Any) -> Any:
        """Return ``pre_grad`` in the input's shape."""
        (shape,) = self.retained()
        return pre_grad.reshape(shape)
