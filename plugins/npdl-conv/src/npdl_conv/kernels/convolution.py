"""Convolution in any number of dimensions: NumPy references over channels-last arrays."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from npdl_conv.geometry import Pads
from npdl_conv.kernels.depthwise import depthwise_backward, depthwise_forward
from npdl_conv.kernels.rows import backward_by_rows, convolve_by_rows
from npdl_conv.threads import over_batch

__all__ = ["convolution_backward", "convolution_forward", "patches"]

Array = NDArray[Any]
Sizes = tuple[int, ...]

_MOST_ROWS = 3
"""Up to this size of filters, copying along the width only is faster than laying out whole patches."""

_LEAST_RUN = 32
"""Shorter rows of a window make products too thin."""

_BLOCK_BYTES = 2**20
"""How many bytes of patches are laid out at a time: few enough for the cache, enough for a good product."""


def patches(xp: Array, kernel: Sizes, out_sizes: Sizes, stride: Sizes, dilation: Sizes) -> Array:
    r"""Return all windows of a padded input as a view, nothing copied.

    Parameters
    ----------
    xp : ndarray (N, \*S, C)
        Padded input.
    kernel, out_sizes, stride, dilation : tuples of int
        One entry a spatial axis.

    Returns
    -------
    ndarray (N, \*O, \*K, C)
        ``[n, o, k]`` is ``xp[n, o · stride + k · dilation]``.
    """
    steps = xp.strides
    across = tuple(step * s for step, s in zip(steps[1:-1], stride, strict=True))
    within = tuple(step * d for step, d in zip(steps[1:-1], dilation, strict=True))
    shape = (xp.shape[0], *out_sizes, *kernel, xp.shape[-1])
    return as_strided(xp, shape, (steps[0], *across, *within, steps[-1]), writeable=False)


def _blocks(n_images: int, image_bytes: int) -> Iterator[slice]:
    size = max(1, _BLOCK_BYTES // max(image_bytes, 1))
    for start in range(0, n_images, size):
        yield slice(start, min(start + size, n_images))


def convolution_forward(
    xp: Array,
    W: Array,
    out: Array,
    *,
    stride: Sizes | None = None,
    dilation: Sizes | None = None,
    groups: int = 1,
) -> Array:
    r"""Write :math:`y_{n,o,f} = \sum_{k,c} x_{n,\,o s + k d,\,c} W_{k,c,f}` into ``out`` (cross-correlation).

    Parameters
    ----------
    xp : ndarray (N, \*S, C)
        Input, channels last, padded already.
    W : ndarray (\*K, C / groups, F)
        Filters; the f-th belongs to group f · groups // F.
    out : ndarray (N, \*O, F)
        Where to write; returned. Its spatial sizes decide how many windows there are.
    stride, dilation : tuples of int, optional
        One entry a spatial axis; ones by default.
    groups : int
        How many independent channel groups.
    """

    def images(part: slice) -> None:
        _forward(_Plan(xp[part], W, out[part], stride, dilation, groups), out[part])

    over_batch(len(xp), _work(W, out), images)
    return out


def _work(W: Array, out: Array) -> int:
    """Return about how many additions a convolution costs; multiplications come for nothing, 32 at a time."""
    return int(out.size * math.prod(W.shape[:-1])) // 32


def _forward(plan: _Plan, out: Array) -> None:
    if plan.depthwise:
        depthwise_forward(plan.xp, plan.W, out, plan.stride, plan.dilation)
        return
    if plan.by_rows:
        convolve_by_rows(plan.xp, plan.W, out)
        return
    for block in plan.blocks():
        for group in range(plan.groups):
            columns, matrix = plan.columns(block, group), plan.matrix(group)
            if plan.groups == 1 and out.flags.c_contiguous:
                np.matmul(columns, matrix, out=out[block].reshape(len(columns), -1))
            else:
                target = out[block][..., plan.outputs(group)]
                target[...] = (columns @ matrix).reshape(target.shape)


def convolution_backward(
    xp: Array,
    W: Array,
    dy: Array,
    dW: Array | None,
    dxp: Array | None,
    *,
    stride: Sizes | None = None,
    dilation: Sizes | None = None,
    groups: int = 1,
    crop: Pads | None = None,
) -> Array | None:
    r"""Write the gradients of :func:`convolution_forward` for ``dy`` (N, \*O, F).

    Parameters
    ----------
    xp, W, stride, dilation, groups
        As in the forward.
    dy : ndarray (N, \*O, F)
        Gradient with respect to the output.
    dW : ndarray (\*K, C / groups, F) or None
        Where to write the filters' gradient.
    dxp : ndarray (N, \*S, C) or None
        Where to write the padded input's gradient; returned.
    crop : sequence of (int, int), optional
        Margins of ``xp`` before and after each spatial axis that ``dxp`` is without.
    """

    def images(part: slice) -> Array | None:
        whole = dW is None or part == slice(0, len(xp))
        own = dW if whole else np.empty_like(dW)
        plan = _Plan(xp[part], W, dy[part], stride, dilation, groups)
        _gradients(plan, dy[part], own, None if dxp is None else dxp[part], crop)
        return own

    found = over_batch(len(xp), 2 * _work(W, dy), images)
    if dW is not None and len(found) > 1:
        np.sum([grad for grad in found if grad is not None], axis=0, out=dW)
    return dxp


def _gradients(plan: _Plan, dy: Array, dW: Array | None, dxp: Array | None, crop: Pads | None) -> None:
    """Write the gradients; ``dxp`` is without the margins ``crop``."""
    xp, W = plan.xp, plan.W
    margins = crop or ((0, 0),) * len(plan.kernel)
    inside = (slice(None), *(slice(m[0], s - m[1]) for m, s in zip(margins, xp.shape[1:-1], strict=True)))
    if plan.by_rows and all(max(m) < k for m, k in zip(margins, plan.kernel, strict=True)):
        backward_by_rows(xp[inside], W, dy, dW, dxp, margins)
    elif crop is None or dxp is None:
        _backward(plan, dy, dW, dxp)
    else:
        wide = np.empty(xp.shape, dxp.dtype)
        _backward(plan, dy, dW, wide)
        dxp[...] = wide[inside]


def _backward(plan: _Plan, dy: Array, dW: Array | None, dxp: Array | None) -> None:
    """Write the gradients through patches; ``dxp`` has all of the padded input."""
    if plan.depthwise:
        depthwise_backward(plan.xp, plan.W, dy, dW, dxp, plan.stride, plan.dilation)
        return
    if dW is not None:
        dW[...] = 0
    for block in plan.blocks():
        if dxp is not None:
            dxp[block] = 0
        for group in range(plan.groups):
            delta = dy[block][..., plan.outputs(group)]
            rows = delta.reshape(math.prod(delta.shape[:-1]), delta.shape[-1])
            if dW is not None:
                # Few filters make the transpose of the product the faster one.
                columns = plan.columns(block, group)
                dW[..., plan.outputs(group)] += (rows.T @ columns).T.reshape(*plan.W.shape[:-1], -1)
            if dxp is not None:
                spread = plan.buffer(len(rows))
                np.matmul(rows, plan.matrix(group).T, out=spread)
                plan.scatter(
                    dxp[block][..., plan.inputs(group)], spread.reshape(*delta.shape[:-1], *plan.patch)
                )


class _Plan:
    """Sizes of one call, and the pieces that it works on."""

    def __init__(
        self, xp: Array, W: Array, out: Array, stride: Sizes | None, dilation: Sizes | None, groups: int
    ) -> None:
        self.xp, self.W, self.groups = xp, W, groups
        self.kernel, self.out_sizes = W.shape[:-2], out.shape[1:-1]
        ones = (1,) * len(self.kernel)
        self.stride, self.dilation = stride or ones, dilation or ones
        self.depthwise = 1 < groups == xp.shape[-1]
        self.by_rows = (
            len(self.kernel) == 2
            and 1 < max(self.kernel) <= _MOST_ROWS
            and W.shape[1] * W.shape[2] >= _LEAST_RUN
            and groups == 1
            and (*self.stride, *self.dilation) == (1, 1, 1, 1)
            and min(out.size, xp.size) > 0
            and xp.flags.c_contiguous
            and out.flags.c_contiguous
        )
        self._scratch: Array | None = None

    def blocks(self) -> Iterator[slice]:
        """Yield slices of images whose patches fit the cache."""
        numbers = math.prod(self.out_sizes) * math.prod(self.kernel) * (self.xp.shape[-1] // self.groups)
        return _blocks(len(self.xp), numbers * self.xp.itemsize)

    def inputs(self, group: int) -> slice:
        """Return the input channels of a group."""
        size = self.xp.shape[-1] // self.groups
        return slice(group * size, (group + 1) * size)

    def outputs(self, group: int) -> slice:
        """Return the filters of a group."""
        size = self.W.shape[-1] // self.groups
        return slice(group * size, (group + 1) * size)

    def matrix(self, group: int) -> Array:
        """Return a group's filters as (K·C, F)."""
        return self.W[..., self.outputs(group)].reshape(-1, self.W.shape[-1] // self.groups)

    @property
    def patch(self) -> Sizes:
        r"""The shape (\*K, C / groups) of what a filter sees."""
        return (*self.kernel, self.xp.shape[-1] // self.groups)

    def buffer(self, n_rows: int) -> Array:
        """Return a scratch matrix of a block, (M, K·C); every call gives the same memory."""
        if self._scratch is None or len(self._scratch) < n_rows:
            self._scratch = np.empty((n_rows, math.prod(self.patch)), self.xp.dtype)
        return self._scratch[:n_rows]

    def columns(self, block: slice, group: int) -> Array:
        """Return a block's patches of a group as a matrix (M, K·C), in the scratch matrix where copied."""
        source = self.xp[block][..., self.inputs(group)]
        windows = patches(source, self.kernel, self.out_sizes, self.stride, self.dilation)
        n_rows = len(source) * math.prod(self.out_sizes)
        if math.prod(self.kernel) == 1:
            return windows.reshape(n_rows, -1) if n_rows else self.buffer(0)
        matrix = self.buffer(n_rows)
        np.copyto(matrix.reshape(windows.shape), windows)
        return matrix

    def scatter(self, target: Array, spread: Array) -> None:
        r"""Add patches (N, \*O, \*K, C) back to where they came from."""
        if self.stride[-1] == self.dilation[-1] == 1:
            self._scatter_rows(target, spread)
            return
        for offset in np.ndindex(*self.kernel):
            picked = (slice(None), *(slice(None) for _ in self.out_sizes), *offset)
            target[self._places(offset)] += spread[picked]

    def _places(self, offset: Sizes) -> tuple[slice, ...]:
        """Return where all windows have their entries at an offset along the first spatial axes."""
        geometry = zip(offset, self.dilation, self.out_sizes, self.stride, strict=False)
        return (slice(None), *(slice(k * d, k * d + (o - 1) * s + 1, s) for k, d, o, s in geometry))

    def _scatter_rows(self, target: Array, spread: Array) -> None:
        """Add whole rows of patches: windows that are a row's length apart lie side by side in the target."""
        row, n_windows = self.kernel[-1], self.out_sizes[-1]
        for offset in np.ndindex(*self.kernel[:-1]):
            picked = (slice(None),) * len(self.out_sizes)
            for first in range(min(row, n_windows)):
                rows = spread[(*picked, slice(first, None, row), *offset)]
                count = rows.shape[len(self.out_sizes)]
                beside = target[(*self._places(offset), slice(first, first + count * row))]
                side_by_side = beside.reshape(rows.shape)
                side_by_side += rows
