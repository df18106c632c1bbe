"""Layers that only change the shape."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_int
from npdl_core.errors import ConfigError, ShapeError
from npdl_core.layers.base import Layer, Shape

__all__ = ["DimShuffle", "Flatten", "Permute", "RepeatVector", "Reshape"]


class _Reshaping(Layer):
    """Keeps the input's shape, to give gradients it back."""

    def backward(self, pre_grad: Any) -> Any:
        """Return ``pre_grad`` in the input's shape."""
        (shape,) = self.retained()
        return pre_grad.reshape(shape)


class Flatten(_Reshaping):
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
        shape = self.single_shape(prev_layer)
        if len(shape) < self.outdim:
            raise ShapeError(
                f"flatten: outdim={self.outdim} needs an input of at least that many axes, got shape {shape}"
            )
        self.out_shape = (*shape[: self.outdim - 1], _size(shape[self.outdim - 1 :]))

    def forward(self, input: Any, train: bool = True) -> Any:
        """Return the input, reshaped."""
        if train:
            self.retain(input.shape)
        kept = input.shape[: self.outdim - 1]
        return input.reshape(*kept, math.prod(input.shape[self.outdim - 1 :]))


class DimShuffle(_Reshaping):
    """Insert an axis of size 1, such as the channel of a one-channel image.

    Parameters
    ----------
    axis : int
        Where the new axis is, counting the batch axis as 0; at least 0.

    Notes
    -----
    Input (N, T, E); output (N, 1, T, E) for ``axis=1``. A mask (N, T) goes on where the new axis is behind T.

    Raises
    ------
    ShapeError
        On connecting, if the axis lies beyond the input's rank.

    Examples
    --------
    >>> DimShuffle().connect((None, 7, 5)).out_shape
    (None, 1, 7, 5)
    """

    def __init__(self, axis: int = 1) -> None:
        self.axis = check_int("axis", axis, 0)

    def connect_to(self, prev_layer: Any = None) -> None:
        """Compute the shape."""
        shape = self.single_shape(prev_layer)
        if self.axis > len(shape):
            raise ShapeError(f"dim_shuffle: axis={self.axis} lies beyond an input of shape {shape}")
        self.out_shape = (*shape[: self.axis], 1, *shape[self.axis :])

    def forward(self, input: Any, train: bool = True) -> Any:
        """Return the input with the new axis."""
        if train:
            self.retain(input.shape)
        return np.expand_dims(input, self.axis)

    def compute_mask(self, input: Any, mask: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
        """Return the mask if the new axis comes behind the time axis."""
        return mask if self.axis >= 2 else None


class Reshape(_Reshaping):
    """Give each sample another shape, the last axis changing fastest.

    Parameters
    ----------
    shape : sequence of int
        The new shape without the batch axis; one entry may be -1 and follows from the others.

    Notes
    -----
    A mask (N, T) goes on where the new shape has the same T in front.

    Raises
    ------
    ShapeError
        On connecting, or in ``forward`` where a size was not known then, if the sizes do not fit.

    Examples
    --------
    >>> Reshape((1, 8, -1)).connect((None, 64)).out_shape
    (None, 1, 8, 8)
    """

    def __init__(self, shape: Any) -> None:
        if not isinstance(shape, (list, tuple)):
            raise ConfigError(f"reshape: shape must be a sequence of sizes, got {type(shape).__name__}")
        self.shape = tuple(check_int("shape", size, -1) for size in shape)
        if self.shape.count(-1) > 1 or 0 in self.shape:
            raise ConfigError(f"reshape: sizes must be positive, and one may be -1; got {self.shape}")

    def connect_to(self, prev_layer: Any = None) -> None:
        """Work out the missing size."""
        shape = self.single_shape(prev_layer)
        self.out_shape = (shape[0], *self._sizes(shape))

    def _sizes(self, shape: Shape) -> Shape:
        """Return what an input of this shape becomes, without the batch axis."""
        known = math.prod(size for size in self.shape if size != -1)
        total = _size(shape[1:])
        if total is not None and (total % known if -1 in self.shape else total != known):
            raise ShapeError(
                f"reshape: the {total} numbers of each sample of {shape} do not fit {self.shape}"
            )
        rest = None if total is None else total // known
        return tuple(rest if size == -1 else size for size in self.shape)

    def forward(self, input: Any, train: bool = True) -> Any:
        """Return the input, reshaped."""
        if train:
            self.retain(input.shape)
        return input.reshape(len(input), *self._sizes(input.shape))

    def compute_mask(self, input: Any, mask: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
        """Return the mask if the time axis stays."""
        kept = input.ndim >= 3 and len(self.shape) >= 2 and self._sizes(input.shape)[0] == input.shape[1]
        return mask if kept else None


class Permute(Layer):
    """Reorder the axes of each sample: axis k of the output is axis ``dims[k - 1]`` of the input.

    Parameters
    ----------
    dims : sequence of int
        A permutation of 1 … the number of axes without the batch, as Keras counts; ``(2, 1)`` swaps two.

    Notes
    -----
    A mask (N, T) goes on where the time axis stays in front.

    Raises
    ------
    ShapeError
        On connecting, if the input has another number of axes.

    Examples
    --------
    >>> Permute((2, 1)).connect((None, 7, 5)).out_shape
    (None, 5, 7)
    """

    def __init__(self, dims: Any) -> None:
        if not isinstance(dims, (list, tuple)):
            raise ConfigError(f"permute: dims must be a sequence of axes, got {type(dims).__name__}")
        self.dims = tuple(check_int("dims", axis, 1) for axis in dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ConfigError(f"permute: dims must hold each of 1 … {len(self.dims)} once, got {self.dims}")

    def connect_to(self, prev_layer: Any = None) -> None:
        """Reorder the shape."""
        shape = self.single_shape(prev_layer)
        if len(shape) != len(self.dims) + 1:
            raise ShapeError(
                f"permute: dims={self.dims} need an input of {len(self.dims) + 1} axes, got {shape}"
            )
        self.out_shape = (shape[0], *(shape[axis] for axis in self.dims))

    def forward(self, input: Any, train: bool = True) -> Any:
        """Return the input with its axes reordered."""
        return np.transpose(input, (0, *self.dims))

    def backward(self, pre_grad: Any) -> Any:
        """Return ``pre_grad`` with its axes back in order."""
        return np.transpose(pre_grad, np.argsort((0, *self.dims)))

    def compute_mask(self, input: Any, mask: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
        """Return the mask if the time axis stays where it is."""
        return mask if self.dims[0] == 1 else None


class RepeatVector(Layer):
    r"""Repeat a vector over time: :math:`y_t = x` for n steps.

    Parameters
    ----------
    n : int
        How many steps.

    Notes
    -----
    Input (N, D); output (N, n, D).

    Raises
    ------
    ShapeError
        On connecting, if the input is not (N, D).

    Examples
    --------
    >>> RepeatVector(3).connect((None, 5)).out_shape
    (None, 3, 5)
    """

    def __init__(self, n: int) -> None:
        self.n = check_int("n", n, 1)

    def connect_to(self, prev_layer: Any = None) -> None:
        """Insert the time axis."""
        shape = self.single_shape(prev_layer)
        if len(shape) != 2:
            raise ShapeError(f"repeat_vector needs an input of shape (N, D), got {shape}")
        self.out_shape = (shape[0], self.n, shape[1])

    def forward(self, input: Any, train: bool = True) -> Any:
        """Return n copies along a new time axis."""
        return np.repeat(input[:, None], self.n, axis=1)

    def backward(self, pre_grad: Any) -> Any:
        """Return the sum over time."""
        return pre_grad.sum(axis=1)

    def compute_mask(self, input: Any, mask: NDArray[np.bool_] | None) -> None:
        """Return None: the input has no time axis."""


def _size(sizes: Shape) -> int | None:
    """Return the product of sizes, None if one is unknown."""
    return None if any(size is None for size in sizes) else math.prod(size or 0 for size in sizes)
