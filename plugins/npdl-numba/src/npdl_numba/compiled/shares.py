"""Pieces of work that threads take one by one, whoever is free: none waits for one that is held up."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from npdl_numba.compiled.jit import jit

__all__ = ["take"]

_INT = ir.IntType(64)


@intrinsic
def _next(context, address):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the number at an address, one more for whoever asks after."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], _INT.as_pointer())
        return builder.atomic_rmw("add", pointer, ir.Constant(_INT, 1), "acq_rel")

    return types.int64(types.int64), generate


@jit
def take(taken: Any) -> int:
    """Return the number of the next piece that nobody has taken yet.

    Parameters
    ----------
    taken : ndarray of int64 (1,)
        How many were taken.
    """
    piece: int = _next(taken.ctypes.data)
    return piece
