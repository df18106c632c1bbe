"""Layers that join several inputs of a graph."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_int
from npdl_core.errors import ShapeError
from npdl_core.layers.base import Layer, Shape

__all__ = ["Add", "Concat", "Merge", "Multiply"]


class Merge(Layer):
    """Base of layers with a list of inputs."""

    def connect_to(self, prev_layer: Any = None) -> None:
        """Check the inputs' shapes and compute the output's.

        Raises
        ------
        ShapeError
            If there is one input only, or the shapes do not fit.
        """
        shapes = self.incoming_shape(prev_layer)
        if not isinstance(shapes, list) or not shapes:
            raise ShapeError(
                f"{self} joins a list of inputs, got the single shape {shapes}; use it in a Graph"
            )
        self.out_shape = self.merged_shape([tuple(shape) for shape in shapes])

    @abstractmethod
    def merged_shape(self, shapes: list[Shape]) -> Shape:
        """Return the output's shape."""

    def compute_mask(self, input: Any, mask: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
        """Return the mask if the output still has the axes (N, T)."""
        kept = mask is not None and len(self.out_shape) >= 3 and input[0].shape[:2] == mask.shape[:2]
        return mask if kept else None


def _same(shapes: list[Shape], who: str) -> Shape:
    first = shapes[0]
    for shape in shapes[1:]:
        fits = len(shape) == len(first) and all(
            a is None or b is None or a == b for a, b in zip(shape, first, strict=True)
        )
        if not fits:
            raise ShapeError(f"{who}: inputs must have one shape, got {', '.join(map(str, shapes))}")
    return tuple(next((s for s in sizes if s is not None), None) for sizes in zip(*shapes, strict=True))


class Add(Merge):
    r"""Sum of inputs of one shape: :math:`y = \sum_i x_i`; the gradient goes to each.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Add().connect([(None, 2), (None, 2)])
    >>> layer.forward([np.ones((1, 2)), np.ones((1, 2))])
    array([[2., 2.]])
    """

    def merged_shape(self, shapes: list[Shape]) -> Shape:
        """Return the common shape."""
        return _same(shapes, "add")

    def forward(self, input: Any, train: bool = True) -> Any:
        """Return the sum."""
        if train:
            self.retain(len(input))
        total = np.array(input[0])
        for part in input[1:]:
            total += part
        return total

    def backward(self, pre_grad: Any) -> list[Any]:
        """Return ``pre_grad`` for each input."""
        (count,) = self.retained()
        return [pre_grad] * count


class Multiply(Merge):
    r"""Product of inputs of one shape: :math:`y = \prod_i x_i`.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Multiply().connect([(None, 1), (None, 1)])
    >>> layer.forward([np.full((1, 1), 2.0), np.full((1, 1), 3.0)])
    array([[6.]])
    """

    def merged_shape(self, shapes: list[Shape]) -> Shape:
        """Return the common shape."""
        return _same(shapes, "multiply")

    def forward(self, input: Any, train: bool = True) -> Any:
        """Return the product."""
        if train:
            self.retain(list(input))
        return _product(input)

    def backward(self, pre_grad: Any) -> list[Any]:
        """Return ``pre_grad`` times the product of the other inputs."""
        (inputs,) = self.retained()
        return [pre_grad * _product([*inputs[:i], *inputs[i + 1 :]], pre_grad) for i in range(len(inputs))]


def _product(arrays: Any, like: Any = None) -> NDArray[Any]:
    result = np.ones_like(like) if not arrays else np.array(arrays[0])
    for array in arrays[1:]:
        result *= array
    return result


class Concat(Merge):
    """Inputs side by side along an axis.

    Parameters
    ----------
    axis : int
        Which, the batch axis being 0; the last by default.

    Notes
    -----
    Inputs (N, …, a), (N, …, b); output (N, …, a + b).

    Examples
    --------
    >>> Concat().connect([(None, 3), (None, 4)]).out_shape
    (None, 7)
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = check_int("axis", axis)

    def merged_shape(self, shapes: list[Shape]) -> Shape:
        """Return the shape with the sizes along the axis added up."""
        rank = len(shapes[0])
        axis = self.axis % rank if -rank <= self.axis < rank else 0
        if axis == 0:
            raise ShapeError(
                f"concat: axis {self.axis} is the batch axis or does not exist in shape {shapes[0]}"
            )
        if any(len(shape) != rank for shape in shapes):
            raise ShapeError(f"concat: inputs must have one rank, got {', '.join(map(str, shapes))}")
        rest = _same([(*shape[:axis], *shape[axis + 1 :]) for shape in shapes], f"concat along axis {axis}")
        sizes = [shape[axis] for shape in shapes]
        total = None if any(size is None for size in sizes) else sum(size or 0 for size in sizes)
        return (*rest[:axis], total, *rest[axis:])

    def compute_mask(self, input: Any, mask: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
        """Return the mask, or None where the inputs follow each other in time: it is the mask of one only."""
        in_time = self.axis % len(self.out_shape) == 1
        return None if in_time else super().compute_mask(input, mask)

    def forward(self, input: Any, train: bool = True) -> Any:
        """Return the inputs side by side."""
        if train:
            self.retain([part.shape[self.axis] for part in input])
        return np.concatenate(input, axis=self.axis)

    def backward(self, pre_grad: Any) -> list[Any]:
        """Return each input's part of ``pre_grad``."""
        (sizes,) = self.retained()
        return np.split(pre_grad, np.cumsum(sizes)[:-1], axis=self.axis)
