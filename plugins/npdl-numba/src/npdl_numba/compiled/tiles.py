"""Products of matrices from register tiles: packed panels of columns, and micro-kernels that LLVM compiles.

A matrix (K, F) is packed into panels of :data:`WIDTH` columns, each stored (K, WIDTH) without gaps and filled
up with zeros. A micro-kernel keeps a tile of some rows by WIDTH columns of the product in registers while it
runs over K: at every step it loads one row of the panel, broadcasts one number of each of its rows, and
multiplies and adds. Each number of a product is a sum in the order of K, whatever the tile, so results do not
depend on how many rows are computed together or how rows are shared out among threads.

The micro-kernels are written in LLVM's vectors of 16 floats. With AVX-512 such a vector is a register and a
tile is up to 8 rows by two vectors. Elsewhere LLVM splits it into two or four, and tiles are up to 4 rows by
one vector, which fit 16 registers of AVX; where there is no fused multiply-add, it multiplies and adds.
"""

from __future__ import annotations

from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils, config
from numba.extending import intrinsic

from npdl_numba.compiled.jit import jit
from npdl_numba.compiled.moves import move_16, transpose_16

__all__ = ["LANES", "WIDTH", "multiply", "n_panels", "pack", "pack_transposed", "strip"]

LANES = 16
_FLOAT, _INT, _INT32 = ir.FloatType(), ir.IntType(64), ir.IntType(32)
_VECTOR = ir.VectorType(_FLOAT, LANES)


def _has_avx512() -> bool:
    """Return whether what is compiled for has registers of 16 floats."""
    if config.CPU_FEATURES is not None:
        return "+avx512f" in config.CPU_FEATURES
    if config.CPU_NAME is not None:
        return "avx512" in config.CPU_NAME
    return bool(binding.get_host_cpu_features().get("avx512f", False))


WIDE = _has_avx512()
_VECTORS = 2 if WIDE else 1

WIDTH = LANES * _VECTORS
"""Columns of a panel."""


def _load(builder: Any, pointer: Any, vector: Any) -> Any:
    loaded = builder.load(builder.bitcast(pointer, vector.as_pointer()))
    loaded.align = 4
    return loaded


def _store(builder: Any, value: Any, pointer: Any) -> None:
    builder.store(value, builder.bitcast(pointer, value.type.as_pointer())).align = 4


def _broadcast(builder: Any, number: Any) -> Any:
    undefined = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(undefined, number, ir.Constant(_INT32, 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(_INT32, LANES), [0] * LANES))


def _start(builder: Any, sums: list[list[Any]], start: Any, start_row: Any) -> None:
    """Load what the sums start from, unless its address is 0."""
    with builder.if_then(builder.icmp_signed("!=", start, ir.Constant(_INT, 0))):
        begin = builder.inttoptr(start, _FLOAT.as_pointer())
        for r, totals in enumerate(sums):
            source = builder.gep(begin, [builder.mul(start_row, ir.Constant(_INT, r))])
            for v, total in enumerate(totals):
                column = builder.gep(source, [ir.Constant(_INT, LANES * v)])
                builder.store(_load(builder, column, _VECTOR), total)


def _tile(n_rows: int, n_vectors: int) -> Any:
    """Return the micro-kernel of a tile, callable from compiled code.

    Its arguments are the address of the left factor, how many numbers its rows and its steps along K lie
    apart; the address of the panel, and how far its rows lie apart; the same of the result; the same of what
    the sums start from, address 0 for zeros; and K.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        left, row, step, panel, panel_row, out, out_row, start, start_row, depth = arguments
        left, panel, out = (builder.inttoptr(a, _FLOAT.as_pointer()) for a in (left, panel, out))
        lefts = [builder.gep(left, [builder.mul(row, ir.Constant(_INT, r))]) for r in range(n_rows)]
        sums = [
            [cgutils.alloca_once_value(builder, ir.Constant(_VECTOR, [ir.Constant(_FLOAT, 0.0)] * LANES))
             for _ in range(n_vectors)]
            for _ in range(n_rows)
        ]  # fmt: skip
        _start(builder, sums, start, start_row)
        with cgutils.for_range(builder, depth) as loop:
            begin = builder.gep(panel, [builder.mul(loop.index, panel_row)])
            columns = [
                _load(builder, builder.gep(begin, [ir.Constant(_INT, LANES * v)]), _VECTOR)
                for v in range(n_vectors)
            ]
            along = builder.mul(loop.index, step)
            for r in range(n_rows):
                number = _broadcast(builder, builder.load(builder.gep(lefts[r], [along])))
                for column, total in zip(columns, sums[r], strict=True):
                    product = builder.fmul(number, column, flags=("contract",))
                    builder.store(builder.fadd(builder.load(total), product, flags=("contract",)), total)
        for r in range(n_rows):
            target = builder.gep(out, [builder.mul(out_row, ir.Constant(_INT, r))])
            for v, total in enumerate(sums[r]):
                _store(builder, builder.load(total), builder.gep(target, [ir.Constant(_INT, LANES * v)]))
        return context.get_dummy_value()

    @intrinsic
    def tile(context, left, row, step, panel, panel_row, out, out_row, start, start_row, depth):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        return types.void(*[types.int64] * 10), generate

    return tile


_tile_8, _tile_4, _tile_2, _tile_1 = (_tile(rows, _VECTORS) for rows in (8, 4, 2, 1))
_narrow_8, _narrow_4, _narrow_2, _narrow_1 = (_tile(rows, 1) for rows in (8, 4, 2, 1))


@jit
def n_panels(n_columns: int) -> int:
    """Return how many panels so many columns take."""
    return (n_columns + WIDTH - 1) // WIDTH


@jit
def pack(weights: Any, left: int, width: int, panels: Any, first: int, last: int) -> None:
    """Write some panels of ``width`` columns, from ``left`` on, of weights (K, at least left + width).

    Parameters
    ----------
    weights : ndarray (K, F)
        A matrix.
    left, width : int
        Which of its columns.
    panels : ndarray (n, K, WIDTH)
        Receives them.
    first, last : int
        Which panels to write.
    """
    for p in range(first, last):
        panel, start = panels[p], p * WIDTH
        live = min(WIDTH, width - start)
        if live == WIDTH:
            for k in range(weights.shape[0]):
                for c in range(0, WIDTH, LANES):
                    move_16(weights[k, left + start + c :].ctypes.data, panel[k, c:].ctypes.data)
            continue
        for k in range(weights.shape[0]):
            source, target = weights[k], panel[k]
            target[:] = 0
            for c in range(live):
                target[c] = source[left + start + c]


@jit
def pack_transposed(weights: Any, left: int, panels: Any, first: int, last: int) -> None:
    """Write some panels of the transpose of K columns, from ``left`` on, of weights (F, at least left + K).

    Parameters
    ----------
    weights : ndarray (F, G)
        A matrix.
    left : int
        The first of the columns that become rows.
    panels : ndarray (n, K, WIDTH)
        Receives them.
    first, last : int
        Which panels to write.
    """
    width, depth = weights.shape[0], panels.shape[1]
    for p in range(first, last):
        panel = panels[p]
        live = min(WIDTH, width - p * WIDTH)
        if live < WIDTH:
            panel[:] = 0
        for start in range(0, depth, LANES):
            stop = min(start + LANES, depth)
            whole = live // LANES * LANES if stop == start + LANES else 0
            for c in range(0, whole, LANES):
                source, target = weights[p * WIDTH + c, left + start :], panel[start, c:]
                transpose_16(source.ctypes.data, weights.strides[0] // 4, target.ctypes.data, WIDTH)
            for c in range(whole, live):
                row = weights[p * WIDTH + c]
                for k in range(start, stop):
                    panel[k, c] = row[left + k]


@jit
def strip(
    left: int,
    row: int,
    step: int,
    tall: int,
    n_rows: int,
    panel: int,
    panel_row: int,
    wide: bool,
    out: int,
    out_row: int,
    start: int,
    start_row: int,
    depth: int,
) -> None:
    """Write the product of some rows and one panel of WIDTH columns, or of LANES columns.

    Parameters
    ----------
    left : int
        Address of the left factor's first number.
    row, step, tall : int
        How many numbers its rows within eight, its columns, and every eighth row lie apart.
    n_rows : int
        M.
    panel, panel_row : int
        Address of the panel, and how many numbers its rows lie apart.
    wide : bool
        Whether it has WIDTH columns.
    out, out_row : int
        As of the panel.
    start, start_row : int
        The same of what the sums start from; both 0 for zeros.
    depth : int
        K.
    """
    r = 0
    while WIDE and r + 8 <= n_rows:
        if wide:
            _tile_8(left, row, step, panel, panel_row, out, out_row, start, start_row, depth)
        else:
            _narrow_8(left, row, step, panel, panel_row, out, out_row, start, start_row, depth)
        r += 8
        left += 4 * tall
        out += 32 * out_row
        start += 32 * start_row
    while r + 4 <= n_rows:
        if wide:
            _tile_4(left, row, step, panel, panel_row, out, out_row, start, start_row, depth)
        else:
            _narrow_4(left, row, step, panel, panel_row, out, out_row, start, start_row, depth)
        left += 4 * (4 * row if r % 8 == 0 else tall - 4 * row)
        r += 4
        out += 16 * out_row
        start += 16 * start_row
    if r + 2 <= n_rows:
        if wide:
            _tile_2(left, row, step, panel, panel_row, out, out_row, start, start_row, depth)
        else:
            _narrow_2(left, row, step, panel, panel_row, out, out_row, start, start_row, depth)
        r += 2
        left += 8 * row
        out += 8 * out_row
        start += 8 * start_row
    if r < n_rows:
        if wide:
            _tile_1(left, row, step, panel, panel_row, out, out_row, start, start_row, depth)
        else:
            _narrow_1(left, row, step, panel, panel_row, out, out_row, start, start_row, depth)


@jit
def multiply(left: Any, row: int, step: int, n_rows: int, panels: Any, out: Any) -> None:
    """Write the product of a matrix (M, K) and a packed one (K, F) into ``out``, (M, n WIDTH) or wider.

    Parameters
    ----------
    left : int
        Address of the left factor's first number.
    row, step : int
        How many numbers its rows, and its columns, lie apart.
    n_rows : int
        M.
    panels : ndarray (n, K, WIDTH)
        See :func:`pack`.
    out : ndarray (M, at least n WIDTH)
        Its rows may lie apart, the numbers of a row not.
    """
    depth = panels.shape[1]
    apart = out.strides[0] // 4
    for p in range(panels.shape[0]):
        target = out.ctypes.data + 4 * WIDTH * p
        panel = panels[p].ctypes.data
        strip(left, row, step, 8 * row, n_rows, panel, WIDTH, True, target, apart, 0, 0, depth)
