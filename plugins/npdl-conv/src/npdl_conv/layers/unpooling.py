"""Undoing a max pooling."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_conv import kernels
from npdl_conv.geometry import Mask
from npdl_conv.kernels.pooling import windows_at
from npdl_conv.layers.pooling import MaxPooling
from npdl_core.errors import ShapeError

__all__ = ["MaxUnpooling"]

Array = NDArray[Any]


class MaxUnpooling(MaxPooling):
    """Put each value back to where the maximum of its window was; zeros elsewhere.

    It has two inputs, the values and what the pooling saw, from which it finds the places again. So places
    are no state that one layer keeps for another: it works in inference, in a Graph, and after loading.

    Parameters
    ----------
    pool_size, stride, padding, ceil_mode
        As of the max pooling to undo.

    Notes
    -----
    Input: values (N, …, O) and the pooling's input (N, …, S); output (N, …, S). Where overlapping windows
    have one maximum, their values add up, so it is the max pooling's transpose. The gradient goes to the
    values; the places, which do not vary smoothly, get zeros.
    Source: Zeiler and Fergus, Visualizing and understanding convolutional networks, 2014.

    Raises
    ------
    ShapeError
        On connecting, if there are not two inputs, or the values are not of the pooling's output shape.

    Examples
    --------
    >>> import numpy as np
    >>> layer = MaxUnpooling((2,)).connect([(None, 1, 2), (None, 1, 4)])
    >>> layer.forward([np.array([[[5.0, 6.0]]]), np.array([[[1.0, 2.0, 4.0, 3.0]]])])
    array([[[0., 5., 6., 0.]]])
    """

    def connect_to(self, prev_layer: Any = None) -> None:
        """Check that the values fit the pooling's output."""
        shapes = self.incoming_shape(prev_layer)
        if not isinstance(shapes, list) or len(shapes) != 2:
            raise ShapeError(
                f"{self} needs two inputs, the values and what the pooling saw, got {shapes}; "
                "use it in a Graph"
            )
        values, seen = shapes
        pooled = MaxPooling(self.pool_size, self.stride, self.padding, self.ceil_mode).connect(seen).out_shape
        fits = len(values) == len(pooled) and all(
            a is None or b is None or a == b for a, b in zip(values, pooled, strict=True)
        )
        if not fits:
            raise ShapeError(f"{self}: pooling {seen} gives {pooled}, but the values have shape {values}")
        self.out_shape = seen

    def compute_mask(self, input: Any, mask: Mask) -> Mask:
        """Return None: a mask of pooled steps does not say which of theirs were real."""
        return None

    def forward(self, input: Any, train: bool = True) -> Array:
        """Return the values at their places, of the second input's shape."""
        values, seen = (self._channels_last(part) for part in input)
        sizes = seen.shape[1:-1]
        outs, margins = self._margins(sizes)
        padded = self._padded(seen, margins, self.fill())
        shape = (len(padded), *outs, padded.shape[-1])
        winner = np.empty(shape, np.intp)
        kernels.max_pooling_forward(
            padded, self.pool_size, self.stride, np.empty(shape, padded.dtype), winner
        )
        wide = np.empty(padded.shape, values.dtype)
        self.unpool(values, winner, outs, wide)
        if train:
            self.retain(winner, padded.shape, sizes, margins, input[1])
        return self._as_before(self._inside(wide, margins, sizes), self._lead(input[1]))

    def backward(self, pre_grad: Any) -> list[Array]:
        """Return what arrived at each value's place, and zeros."""
        winner, padded_shape, sizes, margins, seen = self.retained()
        delta = np.zeros(padded_shape, pre_grad.dtype)
        self._inside(delta, margins, sizes)[...] = self._channels_last(pre_grad)
        grad = np.zeros(winner.shape, delta.dtype)
        for index, offset in enumerate(np.ndindex(*self.pool_size)):
            entry = delta[windows_at(offset, winner.shape[1:-1], self.stride)]
            np.copyto(grad, entry, where=winner == index)
        return [self._as_before(grad, self._lead(seen)), np.zeros(seen.shape, delta.dtype)]

    def _lead(self, array: Array) -> tuple[int, ...]:
        """Return the sizes of the axes in front of the pooled ones."""
        shape: tuple[int, ...] = array.shape
        return shape[: -len(self.pool_size)]
