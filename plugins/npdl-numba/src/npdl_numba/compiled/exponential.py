"""The exponential function and sums of float32, in vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from npdl_numba.compiled.jit import jit

__all__ = ["SUMS", "exponentials", "largest", "total"]

_f = np.float32

SUMS = {"contract", "reassoc"}
"""Sums may be taken by vectors: in an order that depends on how long a row is, and on nothing else."""


@intrinsic
def _power_of_two(context, shifted):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return 2^n of a float n that was added to 1.5 · 2^23, so that its last bits are those of the number."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number = ir.IntType(32)
        bits = builder.shl(builder.bitcast(arguments[0], number), ir.Constant(number, 23))
        return builder.bitcast(builder.add(bits, ir.Constant(number, 127 << 23)), ir.FloatType())

    return types.float32(types.float32), generate


@jit
def exponentials(x: Any, by: Any) -> None:
    r"""Replace numbers by the exponentials of what is left of them, off by less than 2e-7 of the value.

    :math:`e^x = 2^n e^r` with the nearest n, and a polynomial of :math:`|r| \le \tfrac12 \ln 2`; 0 where
    floats would lose digits, below -87.3. NaN stays NaN.

    Parameters
    ----------
    x : ndarray of float32
        Numbers, none of them above ``by``.
    by : float32
        What is subtracted from them first.
    """
    for i in range(len(x)):
        v = x[i] - by
        low = v if not v < _f(-88) else _f(-88)
        shifted = low * _f(1.44269504) + _f(12582912)
        n = shifted - _f(12582912)
        r = low - n * _f(0.693359375)
        r = r - n * _f(-2.12194440e-4)
        y = _f(1.3981999507e-3) + r * _f(1.9875691500e-4)
        y = _f(8.3334519073e-3) + r * y
        y = _f(4.1665795894e-2) + r * y
        y = _f(1.6666665459e-1) + r * y
        y = _f(5.0000001201e-1) + r * y
        y = (y * (r * r) + r) + _f(1)
        x[i] = _f(0) if v < _f(-87.3) else y * _power_of_two(shifted)


@intrinsic
def _larger(context, one, other):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the larger number, any of them where one is NaN: that vectorises."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        flags = ("nnan", "nsz")
        return builder.select(builder.fcmp_ordered(">", *arguments, flags=flags), *arguments, flags=flags)

    return types.float32(types.float32, types.float32), generate


@jit
def largest(row: Any) -> Any:
    """Return the largest number of a row, any number where one is NaN."""
    best = row[0]
    for j in range(1, len(row)):
        best = _larger(best, row[j])
    return best


@jit(fastmath=SUMS)
def total(row: Any) -> Any:
    """Return the sum of a row."""
    result = _f(0)
    for j in range(len(row)):
        result += row[j]
    return result
