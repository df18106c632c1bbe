"""Convolution with one input channel a group: multiplications and sums, no matrix product."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["depthwise_backward", "depthwise_forward"]

Array = NDArray[Any]
Sizes = tuple[int, ...]


def _places(kernel: Sizes, out_sizes: Sizes, stride: Sizes, dilation: Sizes) -> Any:
    """Yield each filter entry's offset, and where all windows have it."""
    for offset in np.ndindex(*kernel):
        inner = tuple(
            slice(k * d, k * d + (o - 1) * s + 1, s)
            for k, d, o, s in zip(offset, dilation, out_sizes, stride, strict=True)
        )
        yield offset, (slice(None), *inner, slice(None))


def depthwise_forward(xp: Array, W: Array, out: Array, stride: Sizes, dilation: Sizes) -> Array:
    r"""Write the convolution of xp (N, \*S, C) with W (\*K, 1, C·M) into ``out`` (N, \*O, C·M)."""
    split = out.reshape(*out.shape[:-1], xp.shape[-1], W.shape[-1] // xp.shape[-1])
    split[...] = 0
    for offset, where in _places(W.shape[:-2], out.shape[1:-1], stride, dilation):
        split += xp[where][..., None] * W[offset].reshape(split.shape[-2:])
    out[...] = split.reshape(out.shape)
    return out


def depthwise_backward(
    xp: Array, W: Array, dy: Array, dW: Array | None, dxp: Array | None, stride: Sizes, dilation: Sizes
) -> None:
    """Write the gradients of :func:`depthwise_forward`, those that are asked for."""
    split = dy.reshape(*dy.shape[:-1], xp.shape[-1], W.shape[-1] // xp.shape[-1])
    rows = split.reshape(math.prod(dy.shape[:-1]), *split.shape[-2:])
    if dxp is not None:
        dxp[...] = 0
    for offset, where in _places(W.shape[:-2], dy.shape[1:-1], stride, dilation):
        if dW is not None:
            entries = xp[where].reshape(rows.shape[:2])
            dW[offset] = np.einsum("xc,xcm->cm", entries, rows).reshape(1, -1)
        if dxp is not None:
            dxp[where] += np.vecdot(split, W[offset].reshape(split.shape[-2:]))
