"""Copies between addresses in vectors: what products are packed with."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

__all__ = ["move_1", "move_8", "move_16", "transpose_16", "zero_16"]

_FLOAT, _INT, _INT32 = ir.FloatType(), ir.IntType(64), ir.IntType(32)
_LANES = 16
_VECTOR = ir.VectorType(_FLOAT, _LANES)


def _load(builder: Any, address: Any, kind: Any) -> Any:
    loaded = builder.load(builder.inttoptr(address, kind.as_pointer()))
    loaded.align = 4
    return loaded


def _store(builder: Any, value: Any, address: Any) -> None:
    builder.store(value, builder.inttoptr(address, value.type.as_pointer())).align = 4


def _move(n: int) -> Any:
    """Return a copy of so many floats from one address to another."""
    kind = _FLOAT if n == 1 else ir.VectorType(_FLOAT, n)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, target = arguments
        _store(builder, _load(builder, source, kind), target)
        return context.get_dummy_value()

    @intrinsic
    def move(context, source, target):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        return types.void(types.int64, types.int64), generate

    return move


move_1, move_8, move_16 = (_move(n) for n in (1, 8, 16))


@intrinsic
def zero_16(context, target):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Write 16 zeros to an address."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _store(builder, ir.Constant(_VECTOR, [ir.Constant(_FLOAT, 0.0)] * _LANES), arguments[0])
        return context.get_dummy_value()

    return types.void(types.int64), generate


def _exchange(builder: Any, rows: list[Any], distance: int) -> list[Any]:
    """Swap, between rows so far apart, the blocks beside the diagonal that are as long."""
    out = list(rows)
    low = [i if not i & distance else i - distance + _LANES for i in range(_LANES)]
    high = [i + distance if not i & distance else i + _LANES for i in range(_LANES)]
    masks = [ir.Constant(ir.VectorType(_INT32, _LANES), lanes) for lanes in (low, high)]
    for r in range(_LANES):
        if not r & distance:
            pair = rows[r], rows[r + distance]
            out[r], out[r + distance] = (builder.shuffle_vector(*pair, mask) for mask in masks)
    return out


@intrinsic
def transpose_16(context, source, source_row, target, target_row):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Write the transpose of a block of 16 by 16 floats, whose rows lie so many floats apart."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, source_row, target, target_row = arguments

        def place(base: Any, apart: Any, r: int) -> Any:
            return builder.add(base, builder.mul(apart, ir.Constant(_INT, 4 * r)))

        rows = [_load(builder, place(source, source_row, r), _VECTOR) for r in range(_LANES)]
        for distance in (8, 4, 2, 1):
            rows = _exchange(builder, rows, distance)
        for r, row in enumerate(rows):
            _store(builder, row, place(target, target_row, r))
        return context.get_dummy_value()

    return types.void(*[types.int64] * 4), generate
