"""Convolution in any number of dimensions: NumPy references over channels-last arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_conv.geometry import Pads
from npdl_conv.kernels.depthwise import depthwise_backward, depthwise_forward
from npdl_conv.kernels.plan import Plan
from npdl_conv.kernels.rows import backward_by_rows, convolve_by_rows
from npdl_conv.threads import over_batch

__all__ = ["bias_gradient", "convolution_backward", "convolution_forward"]

Array = NDArray[Any]
Sizes = tuple[int, ...]


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
) -> Array:
    r"""Write :math:`y_{n,o,f} = \sum_{k,c} x_{n,\,o s + k d - p,\,c} W_{k,c,f} + b_f` into ``out``.

    Parameters
    ----------
    x : ndarray (N, \*S, C)
        Input, channels last.
    W : ndarray (\*K, C / groups, F)
        Filters; the f-th belongs to group f · groups // F.
    out : ndarray (N, \*O, F)
        Where to write; returned. Its spatial sizes decide how many windows there are.
    stride, dilation : tuples of int, optional
        One entry a spatial axis; ones by default.
    groups : int
        How many independent channel groups.
    padding : sequence of (int, int), optional
        p: zeros around the input before and after each spatial axis; none by default.
    bias : ndarray (F,), optional
        b, zeros by default.
    rectify : bool
        Write max(0, y).
    """

    def images(part: slice) -> None:
        mine = out[part]
        _forward(Plan(x[part], W, mine, stride, dilation, groups, padding), mine)
        if bias is not None:
            mine += bias
        if rectify:
            np.maximum(mine, 0, out=mine)

    over_batch(len(x), _work(W, out), images)
    return out


def _work(W: Array, out: Array) -> int:
    """Return about how many additions a convolution costs; multiplications come for nothing, 32 at a time."""
    return int(out.size * math.prod(W.shape[:-1])) // 32


def _forward(plan: Plan, out: Array) -> None:
    if plan.depthwise:
        depthwise_forward(plan.padded(slice(None)), plan.W, out, plan.stride, plan.dilation)
        return
    if plan.by_rows:
        convolve_by_rows(plan.x, plan.W, out, plan.padding)
        return
    for block in plan.blocks():
        source = plan.padded(block)
        for group in range(plan.groups):
            columns, matrix = plan.columns(source, group), plan.matrix(group)
            if plan.groups == 1 and out.flags.c_contiguous:
                np.matmul(columns, matrix, out=out[block].reshape(len(columns), -1))
            else:
                target = out[block][..., plan.outputs(group)]
                target[...] = (columns @ matrix).reshape(target.shape)


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
) -> Array | None:
    r"""Write the gradients of :func:`convolution_forward` for ``dy`` (N, \*O, F).

    Parameters
    ----------
    x, W, stride, dilation, groups, padding
        As in the forward.
    dy : ndarray (N, \*O, F)
        Gradient with respect to the output.
    dW : ndarray (\*K, C / groups, F) or None
        Where to write the filters' gradient.
    dx : ndarray (N, \*S, C) or None
        Where to write the input's gradient; returned. Without ``dW``, only the shape of ``x`` counts.
    rectified : ndarray (N, \*O, F), optional
        What a forward with ``rectify`` wrote: gradients count only where it is positive.
    db : ndarray (F,), optional
        Where to write the biases' gradient.
    """

    def images(part: slice) -> tuple[Array | None, Array | None]:
        whole = dW is None or part == slice(0, len(x))
        own = dW if whole else np.empty_like(dW)
        delta = dy[part] if rectified is None else np.multiply(dy[part], rectified[part] > 0)
        plan = Plan(x[part], W, delta, stride, dilation, groups, padding)
        _gradients(plan, delta, own, None if dx is None else dx[part])
        return own, None if db is None else bias_gradient(delta)

    found = over_batch(len(x), 2 * _work(W, dy), images)
    filters, biases = ([grad for grad in grads if grad is not None] for grads in zip(*found, strict=True))
    if dW is not None and len(filters) > 1:
        np.sum(filters, axis=0, out=dW)
    if db is not None:
        np.sum(biases, axis=0, out=db)
    return dx


def bias_gradient(delta: Array) -> Array:
    r"""Return the sums (F,) of a gradient (N, \*O, F) over everything but the channels."""
    rows = delta.reshape(math.prod(delta.shape[:-1]), delta.shape[-1])
    # A product with ones is several times faster than sum(axis=0).
    total: Array = np.ones(len(rows), rows.dtype) @ rows
    return total


def _gradients(plan: Plan, dy: Array, dW: Array | None, dx: Array | None) -> None:
    if plan.by_rows and all(max(m) < k for m, k in zip(plan.padding, plan.kernel, strict=True)):
        backward_by_rows(plan.x, plan.W, dy, dW, dx, plan.padding)
    elif plan.depthwise:
        source = plan.padded(slice(None))
        wide = None if dx is None else np.empty_like(source)
        depthwise_backward(source, plan.W, dy, dW, wide, plan.stride, plan.dilation)
        if dx is not None and wide is not None:
            dx[...] = wide[plan.inside]
    else:
        if dW is not None:
            _filters_gradient(plan, dy, dW)
        if dx is not None:
            _input_gradient(plan, dy, dx)


def _filters_gradient(plan: Plan, dy: Array, dW: Array) -> None:
    """Write the gradient of the filters through patches."""
    dW[...] = 0
    for block in plan.blocks():
        source = plan.padded(block)
        for group in range(plan.groups):
            columns, rows = plan.columns(source, group), plan.rows(dy[block], group)
            # Few filters make the transpose of the product the faster one, but for upright patches.
            product = columns.T @ rows if plan.stands else (rows.T @ columns).T
            dW[..., plan.outputs(group)] += product.reshape(*plan.W.shape[:-1], -1)


def _input_gradient(plan: Plan, dy: Array, dx: Array) -> None:
    """Write the gradient of the input through patches, or one row of theirs after the other."""
    wide: Array | None = None
    patch = plan.patch[-2:] if plan.long_rows else plan.patch
    for block in plan.blocks(patch):
        delta, target = dy[block], dx[block]
        if wide is None:
            wide = np.empty((len(target), *plan.padded_sizes, target.shape[-1]), dx.dtype)
        padded = wide[: len(target)]
        padded[...] = 0
        for group in range(plan.groups):
            rows, inputs = plan.rows(delta, group), padded[..., plan.inputs(group)]
            spread = plan.buffer(len(rows), patch)
            windows = spread.reshape(*delta.shape[:-1], *patch)
            if not plan.long_rows:
                np.matmul(rows, plan.matrix(group).T, out=spread)
            for offset in np.ndindex(*plan.kernel[:-1]):
                if plan.long_rows:
                    np.matmul(rows, plan.matrix(group, offset).T, out=spread)
                row = () if plan.long_rows else offset
                plan.scatter(inputs, windows[(..., *row, slice(None), slice(None))], offset)
        target[...] = padded[plan.inside]
