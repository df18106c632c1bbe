"""Sizes of windows: strides, paddings, and what comes out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_int
from npdl_core.errors import ConfigError, ShapeError, printable

__all__ = ["channels_first", "channels_last", "out_size", "pads", "spread", "steps_axis", "total_padding"]

Pads = tuple[tuple[int, int], ...]
Mask = NDArray[np.bool_] | None


def channels_last(images: NDArray[Any]) -> NDArray[Any]:
    r"""Return images (N, C, \*S) as a view (N, \*S, C).

    Examples
    --------
    >>> channels_last(np.ones((2, 3, 4, 5))).shape
    (2, 4, 5, 3)
    """
    # np.moveaxis does the same at five times the cost, many times in a step.
    return np.asarray(images).transpose(0, *range(2, images.ndim), 1)


def channels_first(images: NDArray[Any]) -> NDArray[Any]:
    r"""Return images (N, \*S, C) as a view (N, C, \*S).

    Examples
    --------
    >>> channels_first(np.ones((2, 4, 5, 3))).shape
    (2, 3, 4, 5)
    """
    return images.transpose(0, images.ndim - 1, *range(1, images.ndim - 1))


def spread(name: str, value: Any, n_axes: int, minimum: int = 1) -> tuple[int, ...]:
    """Return one size for each spatial axis, from a number for all or a sequence of them.

    Raises
    ------
    ConfigError
        If it is neither.

    Examples
    --------
    >>> spread("stride", 2, 2), spread("stride", [1, 2], 2)
    ((2, 2), (1, 2))
    """
    if isinstance(value, (list, tuple)):
        if len(value) != n_axes:
            raise ConfigError(f"{name} needs {n_axes} sizes, got {printable(value, 60)}")
        return tuple(check_int(f"{name}[{axis}]", size, minimum) for axis, size in enumerate(value))
    return (check_int(name, value, minimum),) * n_axes


def pads(padding: Any, n_axes: int) -> Pads | str:
    """Return (before, after) for each spatial axis, or ``"same"``.

    Parameters
    ----------
    padding : int, sequence, or str
        One number for all sides; one for each axis; a pair of numbers for each axis; ``"valid"`` for none;
        ``"same"`` for an output of size ⌈input / stride⌉.
    n_axes : int
        How many spatial axes.

    Examples
    --------
    >>> pads((1, 2), 2), pads("valid", 1)
    (((1, 1), (2, 2)), ((0, 0),))
    """
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise ConfigError(
                f"padding must be a size, sizes, 'same' or 'valid', got {printable(repr(padding), 40)}"
            )
        return "same" if padding == "same" else ((0, 0),) * n_axes
    if (
        isinstance(padding, (list, tuple))
        and len(padding) == n_axes
        and any(isinstance(p, (list, tuple)) for p in padding)
    ):
        sides = [spread(f"padding[{axis}]", pair, 2, 0) for axis, pair in enumerate(padding)]
        return tuple((before, after) for before, after in sides)
    return tuple((size, size) for size in spread("padding", padding, n_axes, 0))


def total_padding(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """Return the padding that makes the output ⌈size / stride⌉ long, an odd one more after than before.

    Examples
    --------
    >>> total_padding(7, 3, 1, 1), total_padding(8, 3, 2, 1)
    ((1, 1), (0, 1))
    """
    extent = dilation * (kernel - 1) + 1
    total = max(0, (-(-size // stride) - 1) * stride + extent - size)
    return total // 2, total - total // 2


def out_size(
    who: str,
    axis: int,
    size: int,
    kernel: int,
    stride: int,
    dilation: int,
    padding: tuple[int, int],
    *,
    ceil: bool = False,
) -> int:
    """Return O = (W - K + 2P) / S + 1, floored; ``ceil`` rounds up where a last window starts inside.

    Raises
    ------
    ShapeError
        If no window fits.

    Examples
    --------
    >>> out_size("convolution", 1, 7, 3, 3, 1, (0, 0))
    2
    """
    extent = dilation * (kernel - 1) + 1
    room = size + sum(padding) - extent
    if room < 0:
        raise ShapeError(
            f"{who}: along axis {axis} a window of {extent} does not fit into {size} "
            f"+ {sum(padding)} of padding"
        )
    if not ceil:
        return room // stride + 1
    count = -(-room // stride) + 1
    return count - 1 if (count - 1) * stride >= size + padding[0] else count


def steps_axis(n_dimensions: int, n_axes: int) -> int | None:
    """Return which of the last ``n_axes`` axes is T of a sequence (N, T, …); None if T is none of them.

    Examples
    --------
    >>> steps_axis(3, 2), steps_axis(4, 2)
    (0, None)
    """
    axis = 1 - (n_dimensions - n_axes)
    return axis if n_dimensions > 2 and axis >= 0 else None
