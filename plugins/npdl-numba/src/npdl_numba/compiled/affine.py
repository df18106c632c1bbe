"""x W + b and its gradients, in shares that do not overlap: each number is summed by one thread."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, types
from numba.extending import intrinsic

from npdl_numba.compiled.jit import jit
from npdl_numba.compiled.products import multiply_add, share
from npdl_numba.compiled.sums import accumulate
from npdl_numba.compiled.tiles import LANES

__all__ = ["work"]


def _array(n_axes: int, writeable: bool = False) -> Any:
    return types.Array(types.float32, n_axes, "A", readonly=not writeable)


@intrinsic
def _floats(context, address):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return an address as a pointer."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], ir.FloatType().as_pointer())

    return types.CPointer(types.float32)(types.int64), generate


@jit
def _row(address: int, n: int) -> Any:
    """Return the numbers from an address on as an array without gaps: loops over it become vectors."""
    return carray(_floats(address), n)


@jit
def _sum_rows(source: int, source_row: int, n_rows: int, n_columns: int, sums: int) -> None:
    """Write the sums over rows in their order."""
    totals = _row(sums, n_columns)
    totals[:] = 0
    for r in range(n_rows):
        accumulate(totals, _row(source + 4 * r * source_row, n_columns))


@jit
def _rectify(numbers: int, apart: int, n_rows: int, n_columns: int) -> None:
    """Replace negative numbers by zeros."""
    zero = np.float32(0)
    for r in range(n_rows):
        row = _row(numbers + 4 * r * apart, n_columns)
        for c in range(n_columns):
            row[c] = zero if row[c] < zero else row[c]


@jit
def _where_positive(source: int, source_row: int, y: int, y_row: int, target: Any, n_columns: int) -> None:
    """Copy rows of gradients, zeros where the output is not positive."""
    zero = np.float32(0)
    for r in range(target.shape[0]):
        row, output = _row(source + 4 * r * source_row, n_columns), _row(y + 4 * r * y_row, n_columns)
        into = target[r]
        for c in range(n_columns):
            into[c] = row[c] if output[c] > zero else zero


@jit(
    signature=(
        types.boolean, _array(2), _array(2), types.boolean, _array(1, True), _array(2, True), types.boolean,
        _array(2), _array(2, True), types.boolean, _array(2, True), types.int64, types.int64, types.int64,
    )
)  # fmt: skip
def work(
    forward: bool,
    rows: Any,
    W: Any,
    biased: bool,
    b: Any,
    y: Any,
    rectified: bool,
    positive: Any,
    dW: Any,
    passed: bool,
    dx: Any,
    n_parts: int,
    first: int,
    last: int,
) -> None:
    """Do parts ``first`` to ``last`` of the forward or the backward.

    Parameters
    ----------
    forward : bool
        Write ``y``, or read it as the output's gradient and write ``dW``, ``b`` and ``dx``.
    rows, W : ndarray (M, D), (D, H)
        Inputs and weights.
    biased, passed : bool
        Whether ``b`` and ``dx`` take part.
    b : ndarray (H,)
        Bias, or where to write its gradient.
    y : ndarray (M, H)
        Output, or its gradient.
    rectified : bool
        Whether negative outputs are zeros.
    positive : ndarray (M, H)
        The outputs, where ``y`` is the gradient of ``rectified`` ones.
    dW, dx : ndarray (D, H), (M, D)
        Where to write gradients.
    n_parts, first, last : int
        How many parts there are, and which of them to do.
    """
    (n_rows, n_out), n_in = y.shape, W.shape[0]
    x_row, w_row, y_row = rows.strides[0] // 4, W.strides[0] // 4, y.strides[0] // 4
    x, w, of_y, bias = rows.ctypes.data, W.ctypes.data, y.ctypes.data, 0
    masked = rectified and not forward
    delta = np.empty((n_rows if masked else 0, n_out + LANES), np.float32)  # no row a power of two long
    if masked:
        _where_positive(of_y, y_row, positive.ctypes.data, positive.strides[0] // 4, delta, n_out)
    for part in range(first, last):
        if masked:  # asked for here, it is not freed before
            of_y, y_row = delta.ctypes.data, n_out + LANES
        if biased and not forward:
            left, right = share(n_out, LANES, part, n_parts)
            if right > left:
                _sum_rows(of_y + 4 * left, y_row, n_rows, right - left, b.ctypes.data + 4 * left)
        for kind in range(1 if forward or not passed else 2):
            if forward:
                bias = b.ctypes.data if biased else 0
                a, a_row, a_step, c, c_row, c_column = x, x_row, 1, w, w_row, 1
                out, out_row, n, k, f = of_y, y_row, n_rows, n_in, n_out
            elif kind:
                a, a_row, a_step, c, c_row, c_column = of_y, y_row, 1, w, 1, w_row
                out, out_row, n, k, f = dx.ctypes.data, dx.strides[0] // 4, n_rows, n_out, n_in
            else:
                a, a_row, a_step, c, c_row, c_column = x, 1, x_row, of_y, y_row, 1
                out, out_row, n, k, f = dW.ctypes.data, dW.strides[0] // 4, n_in, n_rows, n_out
            if n >= f:
                left, right = share(n, 8, part, n_parts)
                a, out, n = a + 4 * left * a_row, out + 4 * left * out_row, right - left
            else:
                left, right = share(f, LANES, part, n_parts)
                c, out, f = c + 4 * left * c_column, out + 4 * left, right - left
                bias = bias + 4 * left if bias else 0
            if right > left:
                multiply_add(a, a_row, a_step, c, c_row, c_column, out, out_row, bias, n, f, k)
                if forward and rectified:
                    _rectify(out, out_row, n, f)
