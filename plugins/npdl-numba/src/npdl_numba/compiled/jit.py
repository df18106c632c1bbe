"""How every function of this folder is compiled: once for a machine, without Python's lock, kept on disk."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, overload

from numba import njit
from numba.core import event
from numba.core.compiler import Compiler

__all__ = ["jit"]

Function = Callable[..., Any]


class _Announcer(event.Listener):  # type: ignore[misc]
    """Says once in a process that something is compiled; what comes from disk says nothing."""

    def __init__(self) -> None:
        self.said = False

    def on_start(self, event: Any) -> None:
        """Log the first compilation."""
        if not self.said:
            self.said = True
            logging.getLogger("npdl_numba").warning(
                "npdl-numba compiles its kernels for this machine: some seconds, once; later runs load them "
                "from disk (NPDL_KERNELS=numpy does without)"
            )

    def on_end(self, event: Any) -> None:
        """Say nothing."""


event.register("numba:compile", _Announcer())


class _DistinctArrays(Compiler):  # type: ignore[misc]
    """Compiles functions whose arguments do not overlap."""

    def define_pipelines(self) -> Any:
        """Return the usual passes; LLVM is told, and vectorises without checks at run time."""
        self.state.flags.noalias = True
        return super().define_pipelines()


@cache
def sources() -> str:
    """Return a digest of all modules of this folder, which inline each other's functions."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _keep_on_disk(dispatcher: Any) -> None:
    """Load and write code where there is a place to, for as long as no module of this folder changes."""
    try:
        dispatcher.enable_caching()
    except RuntimeError:  # neither the package's folder nor the user's cache can be written to
        return
    index = dispatcher._cache._cache_file
    index._source_stamp = index._source_stamp, sources()  # numba's own is of the function's module alone


@overload
def jit(function: Function) -> Function: ...
@overload
def jit(*, distinct: bool = ..., signature: Any = ..., **options: Any) -> Callable[[Function], Function]: ...
def jit(
    function: Function | None = None, *, distinct: bool = False, signature: Any = None, **options: Any
) -> Any:
    """Compile a function at its first call, to code that is kept on disk where there is a place to write.

    Products and sums may be fused, which is exact up to one rounding less; nothing else is reordered, so that
    results do not depend on how rows are split. Division by zero gives infinity as in NumPy, NaN stays NaN.

    Parameters
    ----------
    function : callable
        What numba understands; its arguments are trusted.
    distinct : bool
        Promise that no argument overlaps another that is written to: more loops vectorise.
    signature : tuple of numba types, optional
        Compile for these arguments only, at once; arrays in C order fit where any layout is taken.
    **options
        Further options of ``numba.njit``.

    Examples
    --------
    >>> @jit
    ... def scaled(x, factor):
    ...     return x * factor
    >>> scaled(3.0, 2.0)
    6.0
    """
    if distinct:
        options["pipeline_class"] = _DistinctArrays
    options = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}, **options}

    def compiled(function: Function) -> Any:
        dispatcher = njit(**options)(function)
        if dispatcher is function:  # NUMBA_DISABLE_JIT
            return function
        _keep_on_disk(dispatcher)
        if signature is not None:
            dispatcher.compile(signature)
            dispatcher.disable_compile()
        return dispatcher

    return compiled if function is None else compiled(function)
