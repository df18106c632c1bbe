"""Pooling over all spatial axes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import ShapeError
from npdl_core.layers.base import Layer

__all__ = ["GlobalMaxPooling", "GlobalMeanPooling"]

Array = NDArray[Any]


class _Global(Layer):
    r"""Turns (N, C, \*S) into (N, C)."""

    def connect_to(self, prev_layer: Any = None) -> None:
        """Drop the spatial axes.

        Raises
        ------
        ShapeError
            If there are none.
        """
        shape = self.single_shape(prev_layer)
        if len(shape) < 3:
            raise ShapeError(f"{self} needs an input (N, C, …) with spatial axes, got {shape}")
        self.out_shape = shape[:2]


class GlobalMeanPooling(_Global):
    r"""The mean of each channel: :math:`y_{n,c} = \tfrac1S \sum_s x_{n,c,s}`.

    Examples
    --------
    >>> import numpy as np
    >>> GlobalMeanPooling().connect((None, 1, 2, 2)).forward(np.arange(4.0).reshape(1, 1, 2, 2))
    array([[1.5]])
    """

    def forward(self, input: Any, train: bool = True) -> Array:
        """Return the means (N, C)."""
        if train:
            self.retain(input.shape)
        mean: Array = input.mean(axis=tuple(range(2, input.ndim)))
        return mean

    def backward(self, pre_grad: Any) -> Array:
        """Return each entry's share."""
        (shape,) = self.retained()
        wide = (pre_grad / math.prod(shape[2:])).reshape(*shape[:2], *(1,) * (len(shape) - 2))
        return np.broadcast_to(wide, shape).copy()


class GlobalMaxPooling(_Global):
    r"""The maximum of each channel: :math:`y_{n,c} = \max_s x_{n,c,s}`.

    The gradient goes to the first of equals.

    Examples
    --------
    >>> import numpy as np
    >>> GlobalMaxPooling().connect((None, 1, 2, 2)).forward(np.arange(4.0).reshape(1, 1, 2, 2))
    array([[3.]])
    """

    def forward(self, input: Any, train: bool = True) -> Array:
        """Return the maxima (N, C)."""
        flat = input.reshape(*input.shape[:2], math.prod(input.shape[2:]))
        winner = flat.argmax(axis=2)
        if train:
            self.retain(input.shape, winner)
        return np.take_along_axis(flat, winner[..., None], axis=2)[..., 0]

    def backward(self, pre_grad: Any) -> Array:
        """Route the gradient to the winners."""
        shape, winner = self.retained()
        grad = np.zeros((*shape[:2], math.prod(shape[2:])), pre_grad.dtype)
        np.put_along_axis(grad, winner[..., None], pre_grad[..., None], axis=2)
        return grad.reshape(shape)
