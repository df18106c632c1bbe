"""The convolution kernels of npdl-conv, compiled: products of windows as they lie in memory, no patches.

Each has the signature of its reference, whose docstring says what it computes. It declines what is not
float32 in C order of the reference's shapes, volumes, groups, dilation along the last axis, the gradient of
the input at strides above 1, and what is too small to be worth it. Images of a batch are shared out among
threads; results do not depend on how.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from npdl_numba import coverage, threads
from npdl_numba.coverage import plain

__all__ = ["convolution_backward", "convolution_forward"]

Array = NDArray[Any]
Sizes = tuple[int, ...]
Pads = tuple[tuple[int, int], ...]

_PARTS = 16
"""A batch's images fall into so many parts, whose gradients of filters are summed one by one."""

_MOST_NUMBERS = 1 << 22
"""Numbers of all parts' gradients of filters: there are fewer parts, but two, where they would be more."""

_INSIDE = 0.8
"""Where less than this part of the input's width is the output's, gradients go pixel by pixel."""

_BLOCK = 256
"""Places of the output that are computed at a time, where an image has fewer."""


def convolution_forward(
    x: Array,
    W: Array,
    out: Array,
    *,
    stride: Sizes | None = None,
    dilation: Sizes | None = None,
    groups: int = 1,
    padding: Pads | None = None,
    bias: Array | None = None,
    rectify: bool = False,
) -> Any:
    """Convolve, or decline."""
    form = _Form.of(x, W, out, stride, dilation, groups, padding)
    if form is None or not (plain((x, x.shape)) and (bias is None or plain((bias, W.shape[-1:])))):
        return NotImplemented
    if not coverage.writeable(out):
        return NotImplemented
    from npdl_numba.compiled import convolution, windows

    n_filters = W.shape[-1]
    panels = np.empty(W.size // n_filters * windows.n_packed(n_filters), np.float32)
    windows.pack(W.reshape(-1, n_filters), panels)
    start = np.zeros(n_filters + convolution.SLACK, np.float32)
    if bias is not None:
        start[:n_filters] = bias
    per_block, floor = form.per_block(out), np.float32(0 if rectify else -np.inf)
    arguments = (form.rows(x), form.sizes, panels, start, floor, form.maps(out), per_block)
    share(convolution.forward, -(-len(x) // per_block), *arguments)
    return out


def convolution_backward(
    x: Array,
    W: Array,
    dy: Array,
    dW: Array | None,
    dx: Array | None,
    *,
    stride: Sizes | None = None,
    dilation: Sizes | None = None,
    groups: int = 1,
    padding: Pads | None = None,
    rectified: Array | None = None,
    db: Array | None = None,
) -> Any:
    """Compute the gradients, or decline."""
    form = _Form.of(x, W, dy, stride, dilation, groups, padding)
    wanted = ((dW, W.shape), (dx, x.shape), (rectified, dy.shape), (db, W.shape[-1:]))
    given = [(array, shape) for array, shape in wanted if array is not None]
    if form is None or not (plain((x, x.shape), *given) and coverage.writeable(dW, dx, db)):
        return NotImplemented
    if dx is not None and not form.reversible:
        return NotImplemented
    from npdl_numba.compiled import convolution, windows
    from npdl_numba.compiled.convolution_gradients import backward, sum_panels

    n_filters, depth = W.shape[-1], W.size // W.shape[-1]
    rows = -(-depth // windows.ROWS) * windows.ROWS
    n_numbers = 0 if dW is None else rows * windows.n_packed(n_filters)
    by_pixels = dx is not None and form.crosses(dy) and len(x) >= 2 * windows.ROWS
    n_parts = _n_parts(len(x), n_numbers, windows.ROWS if by_pixels else 1)
    filters, biases = np.empty((n_parts, n_numbers), np.float32), np.zeros((n_parts, n_filters), np.float32)
    rows_of = form.rows(dy)
    share(
        backward,
        n_parts,
        form.rows(x),
        form.sizes,
        rows_of,
        rows_of if rectified is None else form.rows(rectified),
        rectified is not None,
        _turned(W) if dx is not None else biases[0],
        np.zeros(x.shape[-1] + convolution.SLACK, np.float32),
        form.maps(dx) if dx is not None else np.empty((len(x), 0, 0, 0), np.float32),
        filters,
        biases,
        by_pixels,
        windows.ROWS if by_pixels else form.per_block(dy),
    )
    if dW is not None:
        sum_panels(filters, rows, dW.reshape(depth, n_filters))
    if db is not None:
        np.add.reduce(biases, axis=0, out=db)
    return dx


class _Form(NamedTuple):
    """The sizes of a call that is covered, signals as images one row high."""

    sizes: Sizes
    """(k_h, k_w, s_h, s_w, d_h, top, left, h_p, w_p, C): see :mod:`npdl_numba.compiled.convolution`."""

    pads: Pads
    is_signal: bool

    @classmethod
    def of(
        cls,
        x: Array,
        W: Array,
        out: Array,
        stride: Sizes | None,
        dilation: Sizes | None,
        groups: int,
        padding: Pads | None,
    ) -> _Form | None:
        """Return the form of a call, or None where it is not covered."""
        if W.ndim not in (3, 4) or groups != 1 or not plain((W, W.shape), (out, out.shape)):
            return None
        # NumPy's patches take a tenth of a millisecond however few they are.
        if out.size * (W.size // W.shape[-1]) <= coverage.MIN_PRODUCT:
            return None
        margins = None if padding is None else tuple((before, after) for before, after in padding)
        steps = (None if sizes is None else tuple(sizes) for sizes in (stride, dilation))
        return _form(x.shape, W.shape, out.shape, *steps, margins)

    @property
    def reversible(self) -> bool:
        """Whether the gradient of the input is a convolution with margins of no less than nothing."""
        k_h, k_w, s_h, s_w, d_h = self.sizes[:5]
        return s_h == s_w == 1 and max(self.pads[0]) <= (k_h - 1) * d_h and max(self.pads[1]) < k_w

    def crosses(self, out: Array) -> bool:
        """Return whether much of the input's windows lies beside an output."""
        return bool(self.maps(out).shape[2] < _INSIDE * (self.sizes[8] - sum(self.pads[1])))

    def maps(self, array: Array) -> Array:
        """Return an array with an axis for the height."""
        return array[:, None] if self.is_signal else array

    def rows(self, array: Array) -> Array:
        """Return an array (N, H, W, F) as (N, H, W·F)."""
        shape = self.maps(array).shape
        return array.reshape(*shape[:2], -1)

    def per_block(self, out: Array) -> int:
        """Return how many images are computed at a time: several small ones, but shared out to threads."""
        places = math.prod(out.shape[1:-1])
        return min(-(-_BLOCK // places), -(-len(out) // _PARTS))


@lru_cache
def _form(
    x: Sizes, W: Sizes, out: Sizes, stride: Sizes | None, dilation: Sizes | None, padding: Pads | None
) -> _Form | None:
    """Return the form of a call with arrays of these shapes, or None where it is not covered."""
    n_axes = len(W) - 2
    if not (len(x) == len(out) == len(W) and (x[0], x[-1], out[-1]) == (out[0], *W[-2:])):
        return None
    fill = (1,) * (2 - n_axes)
    kernel, steps = (*fill, *W[:-2]), (*fill, *(stride or (1,) * n_axes))
    apart = (*fill, *(dilation or (1,) * n_axes))
    pads = (*((0, 0),) * (2 - n_axes), *(padding or ((0, 0),) * n_axes))
    inner, outer = (*fill, *x[1:-1]), (*fill, *out[1:-1])
    wide = tuple(size + sum(margins) for size, margins in zip(inner, pads, strict=True))
    geometry = zip(kernel, steps, apart, wide, outer, strict=True)
    fits = all((o - 1) * s + (k - 1) * d < w for k, s, d, w, o in geometry)
    if not fits or apart[1] != 1 or 0 in x:
        return None
    sizes = (*kernel, *steps, apart[0], pads[0][0], pads[1][0], *wide, x[-1])
    return _Form(tuple(map(int, sizes)), pads, n_axes == 1)


def share(function: Any, n: int, *arguments: Any) -> None:
    """Call a function in as many threads as there may be, which take ``n`` pieces of work one by one."""
    threads.run(function, min(n, threads.limit()), *arguments, np.zeros(1, np.int64))


def _n_parts(n_images: int, n_numbers: int, least: int) -> int:
    """Return into how many parts images fall, of at least so many."""
    return max(1, min(n_images // least, max(2, min(_PARTS, _MOST_NUMBERS // max(n_numbers, 1)))))


def _turned(W: Array) -> Array:
    r"""Return filters (\*K, C, F) turned around, as panels of (K·F, C)."""
    from npdl_numba.compiled import windows

    filters = W.reshape(-1, *W.shape[-2:])
    n_places, n_channels, n_filters = filters.shape
    panels = np.empty(n_places * n_filters * windows.n_packed(n_channels), np.float32)
    windows.pack_turned(filters, panels)
    return panels
