"""Rows of a batch shared out among threads: as many as NumPy's BLAS is told to use."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any

__all__ = ["limit", "parts", "run"]

VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")


@cache
def limit() -> int:
    """Return how many threads to use: what NumPy's BLAS would, read once in a process.

    The first of ``OPENBLAS_NUM_THREADS`` and ``OMP_NUM_THREADS`` that is a positive number, but no more than
    the processors that this process may run on; these where neither is set.
    """
    usable = getattr(os, "sched_getaffinity", None)
    available = len(usable(0)) if usable else os.cpu_count() or 1
    for name in VARIABLES:
        text = os.environ.get(name, "").strip()
        if text.isascii() and text.isdigit() and int(text):
            return min(int(text), available)
    return available


def parts(n: int, most: int) -> list[tuple[int, int]]:
    """Return at most ``most`` nearly equal, non-empty ranges that cover ``n`` rows in order.

    Examples
    --------
    >>> parts(5, 2), parts(1, 2)
    ([(0, 2), (2, 5)], [(0, 1)])
    """
    count = max(1, min(n, most))
    ends = [n * k // count for k in range(count + 1)]
    return list(pairwise(ends))


def run(function: Callable[..., Any], n: int, *arguments: Any, at_least: int = 1) -> None:
    """Call ``function(*arguments, first, last)`` for parts of ``n`` rows at once, and wait for all of them.

    The parts must not touch each other's rows, and the function should work without Python's lock. A part
    has ``at_least`` so many rows, unless there are fewer.
    """
    *others, own = parts(n, min(limit(), max(1, n // at_least)))
    pool = _pool(os.getpid()) if others else None
    futures = [pool.submit(function, *arguments, *part) for part in others] if pool else []
    try:
        function(*arguments, *own)
    finally:
        for future in futures:
            future.result()


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    """Return this process's threads: those of the process that it was forked from do not exist in it."""
    return ThreadPoolExecutor(max(1, limit() - 1), thread_name_prefix="npdl-numba")
