"""Work shared out among threads: as many as NumPy's BLAS is told to use."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    if not others:
        function(*arguments, *own)
        return
    team = _team(os.getpid())
    tasks = team.post(function, arguments, others)
    try:
        function(*arguments, *own)
    finally:
        team.wait(tasks)


class _Task:
    """A part of a call, its end and what it raised."""

    def __init__(self, call: Callable[..., Any], arguments: tuple[Any, ...], ends: Any, index: int) -> None:
        self.call, self.arguments = call, arguments
        self.ends, self.index = ends, index
        self.done = threading.Lock()
        self.done.acquire()
        self.error: BaseException | None = None

    def work(self) -> None:
        """Do it; whoever waits gets the error."""
        try:
            self.call(*self.arguments)
        except BaseException as error:
            self.error = error
        self.done.release()


class _Team:
    """Threads that take tasks from one queue, and look out for the next one for a while before they sleep.

    To wake a thread takes as long as a product of small matrices. A thread that looks out has given
    Python's lock back, as has one that waits for another, so that neither is in the way of the other.
    """

    def __init__(self, size: int) -> None:
        from npdl_numba.compiled import waiting

        self._linger, self._settle = waiting.linger, waiting.settle
        self._tasks: SimpleQueue[_Task] = SimpleQueue()
        self._posted: NDArray[np.int64] = np.zeros(1, np.int64)
        for index in range(size):
            name = f"npdl-numba_{index}"
            threading.Thread(target=self._serve, name=name, daemon=True).start()

    def post(
        self, function: Callable[..., Any], arguments: tuple[Any, ...], ranges: list[tuple[int, int]]
    ) -> list[_Task]:
        """Hand over a task for each range."""
        ends = np.zeros(len(ranges), np.int64)
        tasks = [_Task(function, (*arguments, *part), ends, index) for index, part in enumerate(ranges)]
        for task in tasks:
            self._tasks.put(task)
        self._posted += 1
        return tasks

    def wait(self, tasks: list[_Task]) -> None:
        """Return when all are done, or raise what one of them raised."""
        self._settle(tasks[0].ends)
        for task in tasks:
            task.done.acquire()
        for task in tasks:
            if task.error is not None:
                raise task.error

    def _serve(self) -> None:
        while True:
            task = self._tasks.get()
            task.work()
            posted = int(self._posted[0])
            if self._tasks.empty():
                self._linger(task.ends, task.index, self._posted, posted)
            else:
                task.ends[task.index] = 1
            del task


@cache
def _team(process: int) -> _Team:
    """Return this process's threads: those of the process that it was forked from do not exist in it."""
    return _Team(max(1, limit() - 1))
