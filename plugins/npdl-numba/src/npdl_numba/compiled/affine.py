"""x W + b and its gradients, in shares that do not overlap: each number is summed by one thread."""

from __future__ import annotations

from typing import Any

from numba import types

from npdl_numba.compiled.jit import jit
from npdl_numba.compiled.products import multiply_add, share
from npdl_numba.compiled.tiles import LANES

__all__ = ["work"]


def _array(n_axes: int, writeable: bool = False) -> Any:
    return types.Array(types.float32, n_axes, "A", readonly=not writeable)


@jit
def _sum_rows(y: Any, db: Any) -> None:
    """Write the sums over rows in their order."""
    db[:] = 0
    for r in range(y.shape[0]):
        for c in range(y.shape[1]):
            db[c] += y[r, c]


@jit(
    signature=(
        types.boolean, _array(2), _array(2), types.boolean, _array(1, True), _array(2, True), _array(2, True),
        types.boolean, _array(2, True), types.int64, types.int64, types.int64,
    )
)  # fmt: skip
def work(
    forward: bool,
    rows: Any,
    W: Any,
    biased: bool,
    b: Any,
    y: Any,
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
    dW, dx : ndarray (D, H), (M, D)
        Where to write gradients.
    n_parts, first, last : int
        How many parts there are, and which of them to do.
    """
    (n_rows, n_out), n_in = y.shape, W.shape[0]
    x_row, w_row, y_row = rows.strides[0] // 4, W.strides[0] // 4, y.strides[0] // 4
    x, w, of_y, bias = rows.ctypes.data, W.ctypes.data, y.ctypes.data, 0
    for part in range(first, last):
        if biased and not forward:
            left, right = share(n_out, LANES, part, n_parts)
            if right > left:
                _sum_rows(y[:, left:right], b[left:right])
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
