"""What a convolution is computed from: sizes, blocks of images, and the patches under its windows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from npdl_conv.geometry import Pads

__all__ = ["Plan", "patches"]

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


class Plan:
    r"""Sizes of one call, and the pieces that it works on.

    Parameters
    ----------
    x, W, out : ndarray (N, \*S, C), (\*K, C / groups, F), (N, \*O, F)
        Input, filters, and the output or its gradient.
    stride, dilation, padding, groups
        As of :func:`npdl_conv.kernels.convolution.convolution_forward`.
    """

    def __init__(
        self,
        x: Array,
        W: Array,
        out: Array,
        stride: Sizes | None,
        dilation: Sizes | None,
        groups: int,
        padding: Pads | None,
    ) -> None:
        self.x, self.W, self.groups = x, W, groups
        self.kernel, self.out_sizes = W.shape[:-2], out.shape[1:-1]
        ones = (1,) * len(self.kernel)
        self.stride, self.dilation = stride or ones, dilation or ones
        self.padding = padding or ((0, 0),) * len(self.kernel)
        self.depthwise = 1 < groups == x.shape[-1]
        self.by_rows = (
            len(self.kernel) == 2
            and 1 < max(self.kernel) <= _MOST_ROWS
            and W.shape[1] * W.shape[2] >= _LEAST_RUN
            and groups == 1
            and (*self.stride, *self.dilation) == (1, 1, 1, 1)
            and min(out.size, x.size) > 0
            and x.flags.c_contiguous
            and out.flags.c_contiguous
        )
        self._scratch: Array | None = None
        self._wide: Array | None = None

    def blocks(self, patch: Sizes | None = None) -> Iterator[slice]:
        """Yield slices of images whose patches, or rows of them if these are their sizes, fit the cache."""
        numbers = math.prod(self.out_sizes) * math.prod(patch or self.patch)
        size = max(1, _BLOCK_BYTES // max(numbers * self.x.itemsize, 1))
        for start in range(0, len(self.x), size):
            yield slice(start, min(start + size, len(self.x)))

    @property
    def padded_sizes(self) -> Sizes:
        """The spatial sizes of the input with its margins."""
        return tuple(s + sum(m) for s, m in zip(self.x.shape[1:-1], self.padding, strict=True))

    @property
    def inside(self) -> tuple[slice, ...]:
        """Where the input lies in its padded form."""
        sizes = zip(self.padding, self.x.shape[1:-1], strict=True)
        return (slice(None), *(slice(before, before + size) for (before, _), size in sizes))

    def padded(self, block: slice) -> Array:
        """Return images with zeros around them; every call gives the same memory."""
        images = self.x[block]
        if not any(map(sum, self.padding)):
            return images
        if self._wide is None or len(self._wide) < len(images):
            self._wide = np.zeros((len(images), *self.padded_sizes, self.x.shape[-1]), self.x.dtype)
        wide = self._wide[: len(images)]
        wide[self.inside] = images
        return wide

    def inputs(self, group: int) -> slice:
        """Return the input channels of a group."""
        size = self.x.shape[-1] // self.groups
        return slice(group * size, (group + 1) * size)

    def outputs(self, group: int) -> slice:
        """Return the filters of a group."""
        size = self.W.shape[-1] // self.groups
        return slice(group * size, (group + 1) * size)

    def matrix(self, group: int, row: Sizes = ()) -> Array:
        """Return a group's filters, or a row of theirs, as (K·C, F)."""
        filters: Array = self.W[row][..., self.outputs(group)]
        return filters.reshape(-1, filters.shape[-1])

    def rows(self, delta: Array, group: int) -> Array:
        r"""Return a gradient (N, \*O, F) of a group as (M, F / groups)."""
        part = delta[..., self.outputs(group)]
        return part.reshape(math.prod(part.shape[:-1]), part.shape[-1])

    @property
    def patch(self) -> Sizes:
        r"""The shape (\*K, C / groups) of what a filter sees."""
        return (*self.kernel, self.x.shape[-1] // self.groups)

    @property
    def stands(self) -> bool:
        """Whether patches stand upright: copied by runs along the width, longer than a window's rows."""
        return bool(self.out_sizes[-1] > 2 * self.kernel[-1] * self.patch[-1])

    @property
    def long_rows(self) -> bool:
        """Whether products with one row of the filters are not too thin."""
        return bool(math.prod(self.patch[-2:]) >= _LEAST_RUN)

    def buffer(self, n_rows: int, patch: Sizes | None = None) -> Array:
        """Return a scratch matrix of a block, (M, K·C); every call gives the same memory."""
        width = math.prod(patch or self.patch)
        n_numbers = n_rows * width
        if self._scratch is None or len(self._scratch) < n_numbers:
            self._scratch = np.empty(n_numbers, self.x.dtype)
        return self._scratch[:n_numbers].reshape(n_rows, width)

    def columns(self, images: Array, group: int) -> Array:
        """Return padded images' patches of a group as a matrix (M, K·C), in the scratch matrix if copied.

        Where they stand upright, it is the transpose of a matrix in C order.
        """
        source = images[..., self.inputs(group)]
        windows = patches(source, self.kernel, self.out_sizes, self.stride, self.dilation)
        n_rows = len(source) * math.prod(self.out_sizes)
        if math.prod(self.kernel) == 1:
            return windows.reshape(n_rows, -1) if n_rows else self.buffer(0)
        matrix = self.buffer(n_rows)
        if self.stands:
            first = 1 + len(self.kernel)
            upright = windows.transpose(*range(first, windows.ndim), *range(first))
            matrix = matrix.reshape(-1, n_rows)
            np.copyto(matrix.reshape(upright.shape), upright)
            return matrix.T
        np.copyto(matrix.reshape(windows.shape), windows)
        return matrix

    def scatter(self, target: Array, spread: Array, row: Sizes) -> None:
        r"""Add a row of patches (N, \*O, K, C) back to where it came from in padded images."""
        if self.stride[-1] == self.dilation[-1] == 1:
            self._scatter_runs(target, spread, row)
            return
        for entry in range(self.kernel[-1]):
            target[self._places((*row, entry))] += spread[..., entry, :]

    def _places(self, offset: Sizes) -> tuple[slice, ...]:
        """Return where all windows have their entries at an offset along the first spatial axes."""
        geometry = zip(offset, self.dilation, self.out_sizes, self.stride, strict=False)
        return (slice(None), *(slice(k * d, k * d + (o - 1) * s + 1, s) for k, d, o, s in geometry))

    def _scatter_runs(self, target: Array, spread: Array, row: Sizes) -> None:
        """Add rows as a whole: windows that are a row's length apart lie side by side in the target."""
        length, axis = self.kernel[-1], len(self.out_sizes)
        for first in range(min(length, self.out_sizes[-1])):
            runs = spread[(*(slice(None),) * axis, slice(first, None, length))]
            last = first + runs.shape[axis] * length
            side_by_side = target[(*self._places(row), slice(first, last))].reshape(runs.shape)
            side_by_side += runs
