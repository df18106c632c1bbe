"""Convolution in any number of dimensions: NumPy references over channels-last arrays."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from npdl_conv.kernels.depthwise import depthwise_backward, depthwise_forward

__all__ = ["convolution_backward", "convolution_forward", "patches"]

Array = NDArray[Any]
Sizes = tuple[int, ...]

_BLOCK_BYTES = 4 * 2**20
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
    plan = _Plan(xp, W, out, stride, dilation, groups)
    if plan.depthwise:
        return depthwise_forward(xp, W, out, plan.stride, plan.dilation)
    for block in plan.blocks():
        for group in range(groups):
            matrix = plan.matrix(group)
            product = np.matmul(plan.windows(block, group).reshape(-1, len(matrix)), matrix)
            out[block][..., plan.outputs(group)] = product.reshape(*out[block].shape[:-1], -1)
    return out


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
    """
    plan = _Plan(xp, W, dy, stride, dilation, groups)
    if plan.depthwise:
        depthwise_backward(xp, W, dy, dW, dxp, plan.stride, plan.dilation)
        return dxp
    if dW is not None:
        dW[...] = 0
    if dxp is not None:
        dxp[...] = 0
    for block in plan.blocks():
        for group in range(groups):
            view = plan.windows(block, group)
            delta = dy[block][..., plan.outputs(group)].reshape(-1, W.shape[-1] // groups)
            if dW is not None:
                columns = view.reshape(len(delta), -1)
                dW[..., plan.outputs(group)] += (columns.T @ delta).reshape(*W.shape[:-1], -1)
            if dxp is not None:
                spread = (delta @ plan.matrix(group).T).reshape(view.shape)
                plan.scatter(dxp[block][..., plan.inputs(group)], spread)
    return dxp


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

    def windows(self, block: slice, group: int) -> Array:
        r"""Return a block's patches (N, \*O, \*K, C) of a group as a view."""
        source = self.xp[block][..., self.inputs(group)]
        return patches(source, self.kernel, self.out_sizes, self.stride, self.dilation)

    def scatter(self, target: Array, spread: Array) -> None:
        r"""Add patches (N, \*O, \*K, C) back to where they came from."""
        for offset in np.ndindex(*self.kernel):
            where = tuple(
                slice(k * d, k * d + (o - 1) * s + 1, s)
                for k, d, o, s in zip(offset, self.dilation, self.out_sizes, self.stride, strict=True)
            )
            picked = (slice(None), *(slice(None) for _ in self.out_sizes), *offset)
            target[(slice(None), *where)] += spread[picked]
