"""Max pooling of images (N, H, W, C): one pass, one row of channels after the other."""

from __future__ import annotations

from typing import Any

import numpy as np

from npdl_numba.compiled.jit import jit

__all__ = ["backward", "forward"]


@jit(distinct=True)
def _first(entry: Any, best: Any, where: Any) -> None:
    for c in range(len(best)):
        best[c] = entry[c]
        where[c] = 0


@jit(distinct=True)
def _larger(entry: Any, index: int, best: Any, where: Any) -> None:
    """Take over what is larger, and NaN without its place, as the reference does."""
    for c in range(len(best)):
        value, before = entry[c], best[c]
        larger = value > before
        where[c] = np.uint8(index) if larger else where[c]
        best[c] = value if larger or value != value else before


@jit
def forward(
    x: Any, kernel: tuple[int, int], stride: tuple[int, int], out: Any, winner: Any, first: int, last: int
) -> None:
    """Write the maxima of the windows of some images, and where they are.

    Parameters
    ----------
    x : ndarray (N, H, W, C)
        Images.
    kernel, stride : (int, int)
        Sizes of windows, and steps between them.
    out : ndarray (N, O_h, O_w, C)
        Receives the maxima.
    winner : ndarray of uint8, of the same shape or (1, 1, 1, C)
        Receives the place in its window of the first of tied maxima, or is overwritten.
    first, last : int
        Which images.
    """
    keeps = winner.shape[1:3] == out.shape[1:3]
    unused = np.empty(x.shape[3], np.uint8)
    for n in range(first, last):
        for y in range(out.shape[1]):
            for z in range(out.shape[2]):
                best = out[n, y, z]
                where = winner[n, y, z] if keeps else unused
                _first(x[n, y * stride[0], z * stride[1]], best, where)
                for index in range(1, kernel[0] * kernel[1]):
                    u, v = divmod(index, kernel[1])
                    _larger(x[n, y * stride[0] + u, z * stride[1] + v], index, best, where)


@jit(distinct=True)
def _put(gradient: Any, where: Any, index: int, target: Any) -> None:
    for c in range(len(target)):
        target[c] = gradient[c] if where[c] == index else np.float32(0)


@jit(distinct=True)
def _add(gradient: Any, where: Any, index: int, target: Any) -> None:
    for c in range(len(target)):
        target[c] += gradient[c] if where[c] == index else np.float32(0)


@jit
def backward(
    dy: Any, winner: Any, kernel: tuple[int, int], stride: tuple[int, int], dx: Any, first: int, last: int
) -> None:
    """Write the gradients of windows to their winners, for some images.

    Parameters
    ----------
    dy : ndarray (N, O_h, O_w, C)
        Gradients of the maxima.
    winner, kernel, stride
        As of :func:`forward`.
    dx : ndarray (N, H, W, C)
        Receives the gradients of the images.
    first, last : int
        Which images.
    """
    _, n_down, n_along, _ = dy.shape
    apart = stride[0] >= kernel[0] and stride[1] >= kernel[1]
    covered = kernel[0] * n_down == dx.shape[1] and kernel[1] * n_along == dx.shape[2] and apart
    for n in range(first, last):
        if not covered:
            dx[n] = 0
        for y in range(n_down):
            for z in range(n_along):
                gradient, where = dy[n, y, z], winner[n, y, z]
                for index in range(kernel[0] * kernel[1]):
                    u, v = divmod(index, kernel[1])
                    target = dx[n, y * stride[0] + u, z * stride[1] + v]
                    if apart:
                        _put(gradient, where, index, target)
                    else:
                        _add(gradient, where, index, target)
