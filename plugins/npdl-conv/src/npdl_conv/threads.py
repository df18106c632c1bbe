"""Parts of a batch on Python threads, while BLAS has one: what makes training convolutions use all cores.

Between two products a convolution copies, adds and compares, which BLAS's threads do not help with, and its
products are small, which they help little with. Parts of the batch on threads of their own speed up all of
it. Then BLAS must keep to one thread, and that is a setting of the whole process: it is changed only inside
:func:`threaded`, and only where threadpoolctl is installed.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from importlib import import_module
from itertools import pairwise
from typing import Any, TypeVar

__all__ = ["begin", "end", "over_batch", "threaded"]

T = TypeVar("T")

_LEAST_WORK = 2**17
"""Additions below which handing out parts costs more than it gains."""


class _Threads:
    """The threads of this process, how many parts a batch falls into, and what BLAS had before."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.pool: ThreadPoolExecutor | None = None
        self.parts = 1
        self._owners: list[object] = []
        self._before: list[tuple[Any, int]] = []

    def executor(self) -> ThreadPoolExecutor:
        """Return the threads, made at the first use in a process."""
        with self.lock:
            if self.pool is None:
                self.pool = ThreadPoolExecutor(os.cpu_count(), "npdl-conv")
            return self.pool

    def enter(self, owner: object) -> None:
        """Limit BLAS to one thread, and cut batches into as many parts as it had threads."""
        with self.lock:
            if not self._owners:
                self._before = [(library, library.get_num_threads()) for library in _blas()]
                self.parts = max([1, *(count for _, count in self._before)])
                for library, _ in self._before:
                    library.set_num_threads(1)
            self._owners.append(owner)

    def leave(self, owner: object) -> None:
        """Give BLAS its threads back when the last owner leaves; others than owners may call it."""
        with self.lock:
            kept = [other for other in self._owners if other is not owner]
            if self._owners and not kept:
                self.parts = 1
                for library, count in self._before:
                    library.set_num_threads(count)
            self._owners = kept

    def after_fork(self) -> None:
        """Forget threads that a forked child has not, and a lock that another thread may have held."""
        self.lock = threading.Lock()
        self.pool = None


_THREADS = _Threads()

if hasattr(os, "register_at_fork"):  # pragma: no branch
    os.register_at_fork(after_in_child=_THREADS.after_fork)


def _blas() -> list[Any]:
    """Return controllers of the BLAS libraries of this process; none without threadpoolctl."""
    try:
        threadpoolctl = import_module("threadpoolctl")
    except ImportError:
        return []
    return list(threadpoolctl.ThreadpoolController().select(user_api="blas").lib_controllers)


@contextmanager
def threaded() -> Iterator[None]:
    """Train convolutions on all the threads that BLAS has, each with a part of the batch.

    ``fit`` of a model that mostly convolves does this by itself; it is for loops of one's own around
    ``train_on_batch``. Inside, BLAS has one thread in the whole process; afterwards, whatever happens, those
    it had. Scopes may overlap in several threads. Where BLAS has one thread, or threadpoolctl is missing,
    nothing changes.

    Examples
    --------
    >>> with threaded():
    ...     pass  # model.train_on_batch(x, y)
    """
    owner = object()
    begin(owner)
    try:
        yield
    finally:
        end(owner)


def begin(owner: object) -> None:
    """Open a scope, as :func:`threaded` does; ``owner`` closes it."""
    _THREADS.enter(owner)


def end(owner: object) -> None:
    """Close the scope that ``owner`` opened, if it did."""
    _THREADS.leave(owner)


def over_batch(n: int, work: int, function: Callable[[slice], T]) -> list[T]:
    """Return what ``function`` returns for slices that make up ``range(n)``, in their order.

    Parameters
    ----------
    n : int
        Samples of a batch.
    work : int
        About how many additions there are; few are done in one part.
    function : callable
        Called with a slice, at the same time in several threads inside :func:`threaded`; it must not write to
        what the others read or write.

    Examples
    --------
    >>> over_batch(5, 10**9, lambda part: part)
    [slice(0, 5, None)]
    """
    parts = min(_THREADS.parts, n, math.ceil(work / _LEAST_WORK))
    if parts < 2:
        return [function(slice(0, n))]
    bounds = [n * part // parts for part in range(parts + 1)]
    first, *others = (slice(a, b) for a, b in pairwise(bounds))
    executor = _THREADS.executor()
    # NumPy's error state belongs to a context, which a thread does not inherit.
    futures = [executor.submit(copy_context().run, function, part) for part in others]
    try:
        result = function(first)
    finally:
        wait(futures)
    return [result, *(future.result() for future in futures)]
