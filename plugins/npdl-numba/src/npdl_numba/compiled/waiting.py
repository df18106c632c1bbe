"""Short waits of threads for each other without Python's lock, instead of sleeping."""

from __future__ import annotations

import platform
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from npdl_numba.compiled.jit import jit

__all__ = ["linger", "settle"]

_INT = ir.IntType(64)
_PAUSES = platform.machine() in ("x86_64", "AMD64")

LOOKS = 10_000
"""How often to look before going to sleep: a third of a millisecond where processors can pause."""

HEAD_START = 50
"""Looks that whoever posts a task takes to give Python's lock back."""


@intrinsic
def _look(context, address):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the number at an address, as other threads have left it, after a pause."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if _PAUSES:
            kind = ir.FunctionType(ir.VoidType(), [])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.sse2.pause"), [])
        return builder.load_atomic(builder.inttoptr(arguments[0], _INT.as_pointer()), "acquire", 8)

    return types.int64(types.int64), generate


@intrinsic
def _tell(context, address, value):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Write a number to an address after everything written before."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], _INT.as_pointer())
        builder.store_atomic(arguments[1], pointer, "release", 8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@jit
def linger(ends: Any, index: int, posted: Any, seen: int) -> None:
    """Say that a task has ended, and wait until ``posted`` is no longer ``seen``, but not for long.

    Parameters
    ----------
    ends : ndarray of int64
        One number for each task, not 0 when it has ended.
    index : int
        Which task has.
    posted : ndarray of int64 (1,)
        Counts what was posted.
    seen : int
        The count that is known.
    """
    _tell(ends.ctypes.data + 8 * index, 1)
    for _ in range(LOOKS):
        if _look(posted.ctypes.data) != seen:
            for _ in range(HEAD_START):
                _look(posted.ctypes.data)
            return


@jit
def settle(ends: Any) -> None:
    """Wait until all tasks have ended, but not for long; see :func:`linger`."""
    for index in range(len(ends)):
        for _ in range(LOOKS):
            if _look(ends.ctypes.data + 8 * index):
                break
