"""Max pooling of images (N, H, W, C): one pass, a few channels of a window at a time."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from npdl_numba.compiled.jit import jit
from npdl_numba.compiled.shares import take

__all__ = ["backward", "forward"]

_FLOAT, _BYTE, _INT = ir.FloatType(), ir.IntType(8), ir.IntType(64)

CHANNELS = 8
"""Channels of a window that are compared at once."""


def _load(builder: Any, pointer: Any, numbers: Any) -> Any:
    loaded = builder.load(builder.bitcast(pointer, numbers.as_pointer()))
    loaded.align = 4
    return loaded


def _maxima(channels: int, kernel: tuple[int, int] | None = None) -> Callable[..., None]:
    """Return the micro-kernel of so many channels of a window, of any size or of this one, without loops.

    Its arguments are the address of the window, how many numbers its rows and its pixels lie apart, how many
    there are, and the addresses of where maxima and their places go, 0 for no places.
    """
    numbers, places = (ir.VectorType(kind, channels) if channels > 1 else kind for kind in (_FLOAT, _BYTE))

    def constant(value: int) -> Any:
        return ir.Constant(places, [value] * channels if channels > 1 else value)

    def compare(builder: Any, window: Any, apart: Any, best: Any, where: Any, index: Any) -> None:
        value = _load(builder, builder.gep(window, [apart]), numbers)
        before, place = builder.load(best), builder.load(index)
        larger = builder.fcmp_ordered(">", value, before)
        # NaN is taken over without its place, as the reference does.
        taken = builder.or_(larger, builder.fcmp_unordered("uno", value, value))
        builder.store(builder.select(larger, place, builder.load(where)), where)
        builder.store(builder.select(taken, value, before), best)
        builder.store(builder.add(place, constant(1)), index)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        window, down, along, n_down, n_along, out, winner = arguments
        window = builder.inttoptr(window, _FLOAT.as_pointer())
        best = cgutils.alloca_once_value(builder, _load(builder, window, numbers))
        where, index = (cgutils.alloca_once_value(builder, constant(0)) for _ in range(2))

        def step(u: Any, v: Any) -> None:
            apart = builder.add(builder.mul(u, down), builder.mul(v, along))
            compare(builder, window, apart, best, where, index)

        if kernel:
            for u, v in product(*map(range, kernel)):
                step(ir.Constant(_INT, u), ir.Constant(_INT, v))
        else:
            with cgutils.for_range(builder, n_down) as outer, cgutils.for_range(builder, n_along) as inner:
                step(outer.index, inner.index)
        builder.store(builder.load(best), builder.inttoptr(out, numbers.as_pointer())).align = 4
        with builder.if_then(builder.icmp_signed("!=", winner, ir.Constant(_INT, 0))):
            builder.store(builder.load(where), builder.inttoptr(winner, places.as_pointer())).align = 1
        return context.get_dummy_value()

    @intrinsic
    def maxima(context, window, down, along, n_down, n_along, out, winner):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        return types.void(*[types.int64] * 7), generate

    found: Callable[..., None] = maxima
    return found


_of_one, _of_some, _of_some_in_four = _maxima(1), _maxima(CHANNELS), _maxima(CHANNELS, (2, 2))


@jit
def _window(
    window: int, down: int, along: int, kernel: tuple[int, int], channels: int, out: int, winner: int
) -> None:
    """Write a window's maxima, and their places unless their address is 0."""
    step = CHANNELS if channels >= CHANNELS else 1
    for channel in range(0, channels, step):
        # The last ones overlap those before, which are written twice.
        at = min(channel, channels - step)
        source, target, place = window + 4 * at, out + 4 * at, winner + at if winner else 0
        if step == 1:
            _of_one(source, down, along, kernel[0], kernel[1], target, place)
        elif kernel == (2, 2):
            _of_some_in_four(source, down, along, 2, 2, target, place)
        else:
            _of_some(source, down, along, kernel[0], kernel[1], target, place)


@jit
def forward(
    x: Any,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    out: Any,
    winner: Any,
    taken: Any,
    first: int,
    last: int,
) -> None:
    """Write the maxima of the windows of images that nobody has taken, and where they are.

    Parameters
    ----------
    x : ndarray (N, H, W, C)
        Images.
    kernel, stride : (int, int)
        Sizes of windows, and steps between them.
    out : ndarray (N, O_h, O_w, C)
        Receives the maxima.
    winner : ndarray of uint8, of the same shape or (1, 1, 1, 1)
        Receives the place in its window of the first of tied maxima, unless it has not the shape.
    taken : ndarray of int64 (1,)
        Counts the images that were taken.
    first, last : int
        Numbers of this call among others at the same time.
    """
    _, height, across, c = x.shape
    _, n_down, n_along, _ = out.shape
    images, maps = x.ctypes.data, out.ctypes.data
    where = winner.ctypes.data if winner.shape == out.shape else 0
    while True:
        n = take(taken)
        if n >= len(x):
            break
        for y in range(n_down):
            begin = images + 4 * (n * height + y * stride[0]) * across * c
            for z in range(n_along):
                place = ((n * n_down + y) * n_along + z) * c
                _window(
                    begin + 4 * z * stride[1] * c, across * c, c, kernel, c, maps + 4 * place,
                    where + place if where else 0,
                )  # fmt: skip


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
    dy: Any,
    winner: Any,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dx: Any,
    taken: Any,
    first: int,
    last: int,
) -> None:
    """Write the gradients of windows to their winners, for images that nobody has taken.

    Parameters
    ----------
    dy : ndarray (N, O_h, O_w, C)
        Gradients of the maxima.
    winner, kernel, stride
        As of :func:`forward`.
    dx : ndarray (N, H, W, C)
        Receives the gradients of the images.
    taken : ndarray of int64 (1,)
        Counts the images that were taken.
    first, last : int
        Numbers of this call among others at the same time.
    """
    _, n_down, n_along, _ = dy.shape
    apart = stride[0] >= kernel[0] and stride[1] >= kernel[1]
    covered = kernel[0] * n_down == dx.shape[1] and kernel[1] * n_along == dx.shape[2] and apart
    while True:
        n = take(taken)
        if n >= len(dx):
            break
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
