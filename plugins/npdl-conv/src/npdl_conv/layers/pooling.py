"""Pooling over windows."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_conv import kernels
from npdl_conv.geometry import Mask, channels_first, channels_last, out_size, pads, spread, steps_axis
from npdl_conv.kernels.pooling import windows_at
from npdl_core.checks import check_bool, check_float
from npdl_core.errors import ConfigError, ShapeError
from npdl_core.layers.base import Layer

__all__ = ["L2Pooling", "MaxPooling", "MeanPooling", "Pooling"]

Array = NDArray[Any]
Pads = tuple[tuple[int, int], ...]


class Pooling(Layer):
    r"""Base of layers that turn each window of the last axes into one number.

    Parameters
    ----------
    pool_size : int, (int,), (int, int) or (int, int, int)
        Size of a window; k sizes pool the last k axes, one number stands for two equal ones.
    stride : int or sequence of int, optional
        Steps between windows; ``pool_size`` by default.
    padding : int or sequence
        Margin around the input, for all sides, for each axis, or before and after each axis; at most half a
        window.
    ceil_mode : bool
        Keep a last window that overhangs, as long as it starts inside; the overhang is never counted.

    Notes
    -----
    Input (N, …, \*S), output (N, …, \*O), O = ⌊(S - K + 2P) / stride⌋ + 1: what does not fill a window is
    left out. On sequences (N, T, D) a pool of (T, 1) averages over time.
    """

    def __init__(self, pool_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False) -> None:
        n_axes = len(pool_size) if isinstance(pool_size, (list, tuple)) else 2
        if not 1 <= n_axes <= 3:
            raise ConfigError(f"{self}: pool_size must have one, two or three sizes, got {n_axes}")
        self.pool_size = spread("pool_size", pool_size, n_axes)
        self.stride = self.pool_size if stride is None else spread("stride", stride, n_axes)
        margins = pads(padding, n_axes)
        if isinstance(margins, str):
            raise ConfigError(f"{self}: padding='same' is for convolutions; give the sizes")
        self.padding: Pads = margins
        self.ceil_mode = check_bool("ceil_mode", ceil_mode)
        for (before, after), kernel in zip(margins, self.pool_size, strict=True):
            if 2 * max(before, after) > kernel:
                raise ConfigError(
                    f"{self}: padding {padding} is more than half of a window of {self.pool_size}"
                )

    def connect_to(self, prev_layer: Any = None) -> None:
        """Compute the output's size.

        Raises
        ------
        ShapeError
            If the input has too few axes, or no window fits.
        """
        shape = self.single_shape(prev_layer)
        n_axes = len(self.pool_size)
        if len(shape) <= n_axes:
            raise ShapeError(
                f"{self}: pool_size={self.pool_size} pools the last {n_axes} axes, got shape {shape}"
            )
        first = len(shape) - n_axes
        sizes = [None if s is None else self._out(axis, s, first) for axis, s in enumerate(shape[first:])]
        self.out_shape = (*shape[:first], *sizes)

    def _out(self, axis: int, size: int, first: int) -> int:
        kernel, stride, margin = self.pool_size[axis], self.stride[axis], self.padding[axis]
        return out_size(str(self), axis + first, size, kernel, stride, 1, margin, ceil=self.ceil_mode)

    # -- between any layout and (N, *S, C) -------------------------------------------------------------------

    def _channels_last(self, array: Array) -> Array:
        r"""Return (N, …, \*S) as (N, \*S, C), the axes in front of the pooled ones joined."""
        n_axes = len(self.pool_size)
        joined = array.reshape(len(array), math.prod(array.shape[1:-n_axes]), *array.shape[-n_axes:])
        return channels_last(joined)

    def _as_before(self, array: Array, lead: tuple[int, ...]) -> Array:
        r"""Return (N, \*O, C) as (N, …, \*O)."""
        first = channels_first(array)
        return first.reshape(*lead, *first.shape[2:])

    def _margins(self, sizes: tuple[int, ...]) -> tuple[tuple[int, ...], Pads]:
        """Return the output's sizes, and margins that hold every window."""
        outs = tuple(self._out(axis, size, 0) for axis, size in enumerate(sizes))
        wide = []
        for axis, (size, out) in enumerate(zip(sizes, outs, strict=True)):
            before, after = self.padding[axis]
            reach = (out - 1) * self.stride[axis] + self.pool_size[axis]
            wide.append((before, max(after, reach - size - before)))
        return outs, tuple(wide)

    def _padded(self, last: Array, margins: Pads, fill: float) -> Array:
        if not any(map(sum, margins)):
            return last
        return np.pad(last, ((0, 0), *margins, (0, 0)), constant_values=fill)

    @staticmethod
    def _inside(padded: Array, margins: Pads, sizes: tuple[int, ...]) -> Array:
        inner = (slice(before, before + size) for (before, _), size in zip(margins, sizes, strict=True))
        return padded[(slice(None), *inner, slice(None))]

    def forward(self, input: Any, train: bool = True) -> Array:
        """Return the pooled maps."""
        last = self._channels_last(input)
        sizes = last.shape[1:-1]
        outs, margins = self._margins(sizes)
        out, kept = self.pool(self._padded(last, margins, self.fill()), outs, margins, sizes, train)
        if train:
            self.retain(kept, input.shape, sizes, outs, margins)
        return self._as_before(out, input.shape[: -len(self.pool_size)])

    def backward(self, pre_grad: Any) -> Any:
        """Return the input's gradient."""
        kept, shape, sizes, outs, margins = self.retained()
        delta = np.ascontiguousarray(self._channels_last(pre_grad))
        wide = tuple(size + sum(margin) for size, margin in zip(sizes, margins, strict=True))
        grad = self.work_array("padded_grad", (len(delta), *wide, delta.shape[-1]), delta.dtype)
        self.unpool(delta, kept, outs, grad)
        n_axes = len(self.pool_size)
        return self._as_before(self._inside(grad, margins, sizes), shape[:-n_axes])

    def compute_mask(self, input: Any, mask: Mask) -> Mask:
        """Return which steps of the output have a real one in their window, where steps are pooled."""
        axis = steps_axis(input.ndim, len(self.pool_size))
        if mask is None or axis is None:
            return super().compute_mask(input, mask)
        outs, margins = self._margins(input.shape[-len(self.pool_size) :])
        wide = np.pad(mask, ((0, 0), margins[axis]))
        windows = np.lib.stride_tricks.sliding_window_view(wide, self.pool_size[axis], axis=1)
        real: NDArray[np.bool_] = np.any(windows[:, :: self.stride[axis]][:, : outs[axis]], axis=-1)
        return real

    def fill(self) -> float:
        """Return what margins are filled with."""
        return 0.0

    @abstractmethod
    def pool(
        self, xp: Array, outs: tuple[int, ...], margins: Pads, sizes: tuple[int, ...], train: bool
    ) -> tuple[Array, Any]:
        r"""Return the pooled array (N, \*O, C) of a padded one (N, \*S, C), and what :meth:`unpool` needs."""

    @abstractmethod
    def unpool(self, delta: Array, kept: Any, outs: tuple[int, ...], grad: Array) -> None:
        r"""Write the gradients ``delta`` (N, \*O, C) of all windows into the padded input's ``grad``."""


class MaxPooling(Pooling):
    r"""The largest entry of each window: :math:`y_o = \max_k x_{o s + k}`.

    The gradient goes to the first of equals.

    Parameters
    ----------
    pool_size, stride, padding, ceil_mode
        As of :class:`Pooling`; margins never win.

    Examples
    --------
    >>> import numpy as np
    >>> layer = MaxPooling(2).connect((None, 1, 2, 4))
    >>> layer.forward(np.array([[[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]]]))
    array([[[[6., 8.]]]])
    """

    def fill(self) -> float:
        """Return what margins are filled with."""
        return -math.inf

    def pool(
        self, xp: Array, outs: tuple[int, ...], margins: Pads, sizes: tuple[int, ...], train: bool
    ) -> tuple[Array, Any]:
        """Return the maxima and, while training, where they are."""
        shape = (len(xp), *outs, xp.shape[-1])
        if not train:
            out = np.empty(shape, xp.dtype)
            return kernels.max_pooling_forward(xp, self.pool_size, self.stride, out, None), None
        winner = self.work_array("winner", shape, np.uint8 if math.prod(self.pool_size) <= 256 else np.intp)
        out = self.work_array("pooled", shape, xp.dtype)
        return kernels.max_pooling_forward(xp, self.pool_size, self.stride, out, winner), winner

    def unpool(self, delta: Array, kept: Any, outs: tuple[int, ...], grad: Array) -> None:
        """Route each gradient to the winner."""
        kernels.max_pooling_backward(delta, kept, self.pool_size, self.stride, grad)


class MeanPooling(Pooling):
    r"""The mean of each window: :math:`y_o = \tfrac1K \sum_k x_{o s + k}`.

    Parameters
    ----------
    pool_size, stride, padding, ceil_mode
        As of :class:`Pooling`.
    count_include_pad : bool
        Count margins as zeros in the mean; by default only real entries count.

    Examples
    --------
    >>> import numpy as np
    >>> MeanPooling((3, 1)).connect((None, 3, 2)).forward(np.arange(6.0).reshape(1, 3, 2))
    array([[[2., 3.]]])
    """

    def __init__(
        self,
        pool_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = False,
    ) -> None:
        super().__init__(pool_size, stride, padding, ceil_mode)
        self.count_include_pad = check_bool("count_include_pad", count_include_pad)

    def _counts(self, outs: tuple[int, ...], sizes: tuple[int, ...], dtype: Any) -> Array:
        r"""Return how many entries each window's mean counts, (\*O, 1)."""
        counts: Array = np.ones((1,), dtype)
        for axis, (out, size) in enumerate(zip(outs, sizes, strict=True)):
            before, after = self.padding[axis]
            low, high = (-before, size + after) if self.count_include_pad else (0, size)
            starts = np.arange(out) * self.stride[axis] - before
            along = np.minimum(starts + self.pool_size[axis], high) - np.maximum(starts, low)
            counts = counts[..., None, :] * along.astype(dtype)[:, None]
        return counts

    def pool(
        self, xp: Array, outs: tuple[int, ...], margins: Pads, sizes: tuple[int, ...], train: bool
    ) -> tuple[Array, Any]:
        """Return the means and the counts."""
        counts = self._counts(outs, sizes, xp.dtype)
        return _window_sum(xp, self.pool_size, outs, self.stride) / counts, counts

    def unpool(self, delta: Array, kept: Any, outs: tuple[int, ...], grad: Array) -> None:
        """Give every entry its share."""
        _spread(delta / kept, self.pool_size, outs, self.stride, grad)


class L2Pooling(Pooling):
    r"""The p-norm of each window: :math:`y_o = (\sum_k |x_{o s + k}|^p)^{1/p}`, by default the Euclidean one.

    Parameters
    ----------
    pool_size, stride, padding, ceil_mode
        As of :class:`Pooling`.
    p : float
        The norm's exponent, at least 1.

    Notes
    -----
    The gradient is :math:`\mathrm{sign}(x) |x|^{p-1} y^{1-p}`, and 0 for a window of zeros.

    Examples
    --------
    >>> import numpy as np
    >>> L2Pooling((2,)).connect((None, 2)).forward(np.array([[3.0, 4.0]]))
    array([[5.]])
    """

    def __init__(
        self, pool_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, p: float = 2.0
    ) -> None:
        super().__init__(pool_size, stride, padding, ceil_mode)
        self.p = check_float("p", p, 1)

    def pool(
        self, xp: Array, outs: tuple[int, ...], margins: Pads, sizes: tuple[int, ...], train: bool
    ) -> tuple[Array, Any]:
        """Return the norms, scaled by each window's largest entry so that powers cannot overflow."""
        largest = np.zeros((len(xp), *outs, xp.shape[-1]), xp.dtype)
        size = np.abs(xp)
        for offset in np.ndindex(*self.pool_size):
            np.maximum(largest, size[windows_at(offset, outs, self.stride)], out=largest)
        scale = np.where(largest > 0, largest, 1)
        total = np.zeros_like(largest)
        for offset in np.ndindex(*self.pool_size):
            total += (size[windows_at(offset, outs, self.stride)] / scale) ** self.p
        norms = scale * total ** (1 / self.p)
        return norms, (xp, norms)

    def unpool(self, delta: Array, kept: Any, outs: tuple[int, ...], grad: Array) -> None:
        """Give every entry its share of the norm's derivative."""
        xp, norms = kept
        safe = np.where(norms > 0, norms, 1)
        grad[...] = 0
        for offset in np.ndindex(*self.pool_size):
            where = windows_at(offset, outs, self.stride)
            ratio = xp[where] / safe
            slope = np.sign(ratio) * np.abs(ratio) ** (self.p - 1)
            grad[where] += np.where(norms > 0, delta * slope, 0)


def _window_sum(xp: Array, kernel: tuple[int, ...], outs: tuple[int, ...], stride: tuple[int, ...]) -> Array:
    total = np.zeros((len(xp), *outs, xp.shape[-1]), xp.dtype)
    for offset in np.ndindex(*kernel):
        total += xp[windows_at(offset, outs, stride)]
    return total


def _spread(
    share: Array, kernel: tuple[int, ...], outs: tuple[int, ...], stride: tuple[int, ...], grad: Array
) -> None:
    grad[...] = 0
    for offset in np.ndindex(*kernel):
        grad[windows_at(offset, outs, stride)] += share
