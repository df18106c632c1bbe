"""Sums of rows."""

from __future__ import annotations

from typing import Any

from npdl_numba.compiled.jit import jit

__all__ = ["accumulate"]


@jit(distinct=True)
def accumulate(target: Any, term: Any) -> None:
    """Add the first numbers of a row to all of another one."""
    for j in range(len(target)):
        target[j] += term[j]
