"""Products of windows of images with packed matrices, from register tiles, nothing laid out.

In an image with its channels last, a row of a window is one run of numbers, and its rows lie equally far
apart. So the product of a window with a matrix is two nested sums over memory as it is, and a tile of the
product is a few windows, wherever they begin, by some columns. The same tile, with places of the image as
rows and windows' pixels as the sum, is the gradient of filters.

A packed matrix (K, F) is panels of :func:`width` columns one behind the other, each stored (K, width)
without gaps and filled up with zeros. A number of a product is a sum in the order of K that starts from a
given number, whatever the tile, so results do not depend on which windows are computed together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from npdl_numba.compiled.jit import jit
from npdl_numba.compiled.moves import move_1, move_8
from npdl_numba.compiled.tiles import WIDE

__all__ = ["ROWS", "n_packed", "pack", "pack_turned", "tile", "width"]

_FLOAT, _INT, _INT32, _BIT = ir.FloatType(), ir.IntType(64), ir.IntType(32), ir.IntType(1)

ROWS = 8 if WIDE else 4
"""Rows of every tile."""

_MOST = 32 if WIDE else 16


def _number(value: int) -> Any:
    return ir.Constant(_INT, value)


def _load(builder: Any, pointer: Any, vector: Any) -> Any:
    loaded = builder.load(builder.bitcast(pointer, vector.as_pointer()))
    loaded.align = 4
    return loaded


def _spread(builder: Any, value: Any, lanes: int) -> Any:
    vector = ir.VectorType(value.type, lanes)
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(_INT32, 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(_INT32, lanes), [0] * lanes))


def _multiply_add(builder: Any, sums: Any, left: Any, columns: Any) -> None:
    """Add the product of a column, one number of each row, and a row of the panel to the sums."""
    for pointer, row in zip(left, sums, strict=True):
        number = _spread(builder, builder.load(pointer), columns[0].type.count)
        for column, total in zip(columns, row, strict=True):
            product = builder.fmul(number, column, flags=("contract",))
            builder.store(builder.fadd(builder.load(total), product, flags=("contract",)), total)


def _write(builder: Any, sums: Any, out: Any, out_row: Any, live: Any, floor: Any) -> None:
    """Write the first ``live`` columns of the sums, none below the floor."""
    vector, count = sums[0][0].type.pointee, len(sums[0])
    lanes = vector.count
    numbers = ir.VectorType(_INT32, lanes)
    in_last = builder.trunc(builder.sub(live, _number(lanes * (count - 1))), _INT32)
    mask = builder.icmp_signed(
        "<", ir.Constant(numbers, list(range(lanes))), _spread(builder, in_last, lanes)
    )
    arguments = [vector, vector.as_pointer(), _INT32, ir.VectorType(_BIT, lanes)]
    masked = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(ir.VoidType(), arguments),
        f"llvm.masked.store.v{lanes}f32.p0v{lanes}f32",
    )
    floors = _spread(builder, floor, lanes)
    for r, row in enumerate(sums):
        target = builder.gep(out, [builder.mul(out_row, _number(r))])
        for v, total in enumerate(row):
            value = builder.load(total)
            value = builder.select(builder.fcmp_ordered("<", value, floors), floors, value)
            place = builder.bitcast(builder.gep(target, [_number(v * lanes)]), vector.as_pointer())
            if v < count - 1:
                builder.store(value, place).align = 4
            else:
                builder.call(masked, [value, place, ir.Constant(_INT32, 4), mask])


def _tile(n_vectors: int, lanes: int) -> Callable[..., None]:
    """Return the micro-kernel of a tile of ROWS by some vectors of so many lanes; see :func:`tile`."""
    vector = ir.VectorType(_FLOAT, lanes)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        (left, places, down, along, panel, panel_down, panel_along, n_down, n_along,
         start, start_row, out, out_row, live, floor) = arguments  # fmt: skip
        left, panel, start, out = (
            builder.inttoptr(address, _FLOAT.as_pointer()) for address in (left, panel, start, out)
        )
        places = builder.inttoptr(places, _INT.as_pointer())
        lefts = [builder.gep(left, [builder.load(builder.gep(places, [_number(r)]))]) for r in range(ROWS)]
        sums = []
        for r in range(ROWS):
            at = builder.gep(start, [builder.mul(start_row, _number(r))])
            first = [_load(builder, builder.gep(at, [_number(v * lanes)]), vector) for v in range(n_vectors)]
            sums.append([cgutils.alloca_once_value(builder, value) for value in first])
        with cgutils.for_range(builder, n_down) as outer:
            below = builder.mul(outer.index, down)
            panel_row = builder.gep(panel, [builder.mul(outer.index, panel_down)])
            with cgutils.for_range(builder, n_along) as inner:
                at = builder.gep(panel_row, [builder.mul(inner.index, panel_along)])
                columns = [
                    _load(builder, builder.gep(at, [_number(v * lanes)]), vector) for v in range(n_vectors)
                ]
                step = builder.add(below, builder.mul(inner.index, along))
                _multiply_add(builder, sums, [builder.gep(row, [step]) for row in lefts], columns)
        _write(builder, sums, out, out_row, live, floor)
        return context.get_dummy_value()

    @intrinsic
    def micro_kernel(  # type: ignore[no-untyped-def]  # noqa: ANN202
        context, left, places, down, along, panel, panel_down, panel_along, n_down, n_along,  # noqa: ANN001
        start, start_row, out, out_row, live, floor,  # noqa: ANN001
    ):  # fmt: skip
        return types.void(*[types.int64] * 14, types.float32), generate

    found: Callable[..., None] = micro_kernel
    return found


_tile_32, _tile_24, _tile_16, _tile_8 = _tile(2, 16), _tile(3, 8), _tile(1, 16), _tile(1, 8)


@jit
def width(n_columns: int) -> int:
    """Return how wide the first panel of so many columns is: 32 (with AVX-512), 24, 16 or 8."""
    return min(_MOST, (n_columns + 7) // 8 * 8)


@jit
def n_packed(n_columns: int) -> int:
    """Return how many columns the panels of a matrix have together."""
    return (n_columns + 7) // 8 * 8


@jit
def pack(matrix: Any, panels: Any) -> None:
    """Write the panels of a matrix (K, F) into an array of K times :func:`n_packed` numbers."""
    depth, n_columns = matrix.shape
    panels[:] = 0
    source, target, column = matrix.ctypes.data, panels.ctypes.data, 0
    while column < n_columns:
        wide = width(n_columns - column)
        live = min(wide, n_columns - column)
        for k in range(depth):
            row = source + 4 * (k * n_columns + column)
            for c in range(0, live // 8 * 8, 8):
                move_8(row + 4 * c, target + 4 * c)
            for c in range(live // 8 * 8, live):
                move_1(row + 4 * c, target + 4 * c)
            target += 4 * wide
        column += wide


@jit
def pack_turned(filters: Any, panels: Any) -> None:
    """Write the panels of filters (K, C, F) turned around, a matrix (K F, C): the last of K come first."""
    n_places, n_columns, n_filters = filters.shape
    panels[:] = 0
    column, begin = 0, panels.ctypes.data
    while column < n_columns:
        wide = width(n_columns - column)
        for k in range(n_places):
            place = begin + 4 * (n_places - 1 - k) * n_filters * wide
            for c in range(min(wide, n_columns - column)):
                source = filters.ctypes.data + 4 * (k * n_columns + column + c) * n_filters
                for f in range(n_filters):
                    move_1(source + 4 * f, place + 4 * (f * wide + c))
        column += wide
        begin += 4 * n_places * n_filters * wide


@jit
def tile(
    wide: int,
    left: int,
    places: int,
    down: int,
    along: int,
    panel: int,
    panel_down: int,
    panel_along: int,
    n_down: int,
    n_along: int,
    start: int,
    start_row: int,
    out: int,
    out_row: int,
    live: int,
    floor: float,
) -> None:
    r"""Write a tile of :math:`\max(s_{rc} + \sum_{uk} x_{p_r + u d + k a} W_{u,k,c}, \text{floor})`.

    Parameters
    ----------
    wide : int
        How many columns are computed: see :func:`width`.
    left, places : int
        Addresses of x, and of where in it each of ROWS rows begins.
    down, along : int
        d and a, in numbers.
    panel, panel_down, panel_along : int
        Address of W, and how far its u-th and k-th rows lie apart; whole rows are read.
    n_down, n_along : int
        How many u and k there are.
    start, start_row : int
        Address of s and how far its rows lie apart; whole rows are read.
    out, out_row : int
        Address of the result, which may be s, and how far its rows lie apart.
    live : int
        How many columns of it are written, more than ``wide`` without its last vector.
    floor : float
        Minus infinity for none.
    """
    if WIDE and wide == 32:
        _tile_32(left, places, down, along, panel, panel_down, panel_along, n_down, n_along,
                 start, start_row, out, out_row, live, floor)  # fmt: skip
    elif WIDE and wide == 24:
        _tile_24(left, places, down, along, panel, panel_down, panel_along, n_down, n_along,
                 start, start_row, out, out_row, live, floor)  # fmt: skip
    elif wide == 16:
        _tile_16(left, places, down, along, panel, panel_down, panel_along, n_down, n_along,
                 start, start_row, out, out_row, live, floor)  # fmt: skip
    else:
        _tile_8(left, places, down, along, panel, panel_down, panel_along, n_down, n_along,
                start, start_row, out, out_row, live, floor)  # fmt: skip
