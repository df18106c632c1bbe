"""Ctrl-C as a flag that is read between updates."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any, Self, TypeVar

__all__ = ["Interrupts"]

Item = TypeVar("Item")


class Interrupts:
    """While active, the first Ctrl-C only sets a flag; a second one raises ``KeyboardInterrupt`` at once.

    Only the main thread can catch signals; elsewhere, or under a handler that is not Python's own, nothing is
    changed.
    """

    def __init__(self) -> None:
        self._requested = False
        self._previous: Any = None
        self._active = False

    def _note(self, signum: int, frame: FrameType | None) -> None:
        if self._requested:
            raise KeyboardInterrupt
        self._requested = True

    def check(self) -> None:
        """Raise ``KeyboardInterrupt`` if there was a Ctrl-C."""
        if self._requested:
            raise KeyboardInterrupt

    def between(self, items: Iterator[Item]) -> Iterator[Item]:
        """Yield items, and :meth:`check` before each one."""
        for item in items:
            self.check()
            yield item

    def __enter__(self) -> Self:
        """Install the handler."""
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._previous = signal.signal(signal.SIGINT, self._note)
            self._active = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Put the previous handler back; a Ctrl-C that nobody has read yet is raised now."""
        if self._active:
            signal.signal(signal.SIGINT, self._previous)
            self._active = False
        if kind is None:
            self.check()
