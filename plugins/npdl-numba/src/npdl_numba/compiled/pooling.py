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


@jit(distinct=True)
def _largest_of_four(a: Any, b: Any, c: Any, d: Any, best: Any, where: Any) -> None:
    """Do all of this for four entries at once."""
    for i in range(len(best)):
        value, place = a[i], np.uint8(0)
        place = np.uint8(1) if b[i] > value else place
        value = b[i] if b[i] > value or b[i] != b[i] else value
        place = np.uint8(2) if c[i] > value else place
        value = c[i] if c[i] > value or c[i] != c[i] else value
        place = np.uint8(3) if d[i] > value else place
        value = d[i] if d[i] > value or d[i] != d[i] else value
        best[i], where[i] = value, place


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
                up, left = y * stride[0], z * stride[1]
                if kernel == (2, 2):
                    above, below = x[n, up], x[n, up + 1]
                    _largest_of_four(above[left], above[left + 1], below[left], below[left + 1], best, where)
                    continue
                _first(x[n, up, left], best, where)
                for index in range(1, kernel[0] * kernel[1]):
                    u, v = divmod(index, kernel[1])
                    _larger(x[n, up + u, left + v], index, best, where)


@jit(distinct=True)
def _put(gradient: Any, where: Any, index: int, target: Any) -> None:
    for c in range(len(target)):
        target[c] = gradient[c] if where[c] == index else np.float32(0)


@jit(distinct=True)
def _put_four(gradient: Any, where: Any, a: Any, b: Any, c: Any, d: Any) -> None:
    """Do this for four entries at once."""
    zero = np.float32(0)
    for i in range(len(gradient)):
        value, place = gradient[i], where[i]
        a[i] = value if place == 0 else zero
        b[i] = value if place == 1 else zero
        c[i] = value if place == 2 else zero
        d[i] = value if place == 3 else zero


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
                up, left = y * stride[0], z * stride[1]
                if apart and kernel == (2, 2):
                    above, below = dx[n, up], dx[n, up + 1]
                    _put_four(gradient, where, above[left], above[left + 1], below[left], below[left + 1])
                    continue
                for index in range(kernel[0] * kernel[1]):
                    u, v = divmod(index, kernel[1])
                    target = dx[n, up + u, left + v]
                    if apart:
                        _put(gradient, where, index, target)
                    else:
                        _add(gradient, where, index, target)
