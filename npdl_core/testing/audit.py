"""Code that must compute only: files, processes, sockets and foreign imports are refused while it runs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, NamedTuple

from npdl_core.errors import ConformanceError, printable

__all__ = ["NETWORK", "forbidden"]

NETWORK = (
    "socket.",
    "urllib.",
    "ftplib.",
    "http.",
    "smtplib.",
    "telnetlib.",
    "subprocess.",
    "os.system",
    "os.exec",
)
"""Prefixes of the events that reach out of this machine, or start something that may."""

_EVERYTHING = (
    *NETWORK,
    "open",
    "os.",
    "shutil.",
    "tempfile.",
    "glob.",
    "mmap.",
    "ctypes.",
    "sqlite3.",
    "webbrowser.",
    "winreg.",
    "pickle.find_class",
    "_thread.start_new_thread",
)
_IMPORT_SYSTEM = frozenset({"<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>"})


class _Watch(NamedTuple):
    prefixes: tuple[str, ...]
    packages: frozenset[str] | None
    seen: list[str]
    outermost: Any


_WATCH: ContextVar[_Watch | None] = ContextVar("npdl_core.testing.audit", default=None)


@contextmanager
def forbidden(
    prefixes: tuple[str, ...] = _EVERYTHING, packages: Iterable[str] | None = ()
) -> Iterator[list[str]]:
    """Refuse audit events inside the ``with`` block, in this thread and context.

    The code sees an error at the call; what it tried is in the list, also if it swallows that error.

    Parameters
    ----------
    prefixes : tuple of str
        What names of refused events begin with.
    packages : iterable of str, or None
        Top-level packages that may be imported although they are not yet; None allows all imports.

    Examples
    --------
    >>> with forbidden() as tried:
    ...     try:
    ...         open("anything")
    ...     except ConformanceError:
    ...         pass
    >>> tried
    ["open 'anything'"]
    """
    _install()
    seen: list[str] = []
    allowed = None if packages is None else frozenset({"npdl_core", *packages})
    # This generator's caller is contextlib, whose caller is the function with the ``with`` block.
    token = _WATCH.set(_Watch(prefixes, allowed, seen, sys._getframe(2)))
    try:
        yield seen
    finally:
        _WATCH.reset(token)


@cache
def _install() -> None:
    """Add the process's one hook; Python offers no way to take a hook back."""
    sys.addaudithook(_hook)


def _hook(event: str, args: tuple[Any, ...]) -> None:
    watch = _WATCH.get()
    if watch is not None:
        judge(watch, event, args)


def judge(watch: _Watch, event: str, args: tuple[Any, ...]) -> None:
    """Record and refuse an event that the watch does not allow.

    Raises
    ------
    ConformanceError
        Naming the event.
    """
    if event == "import":
        package = str(args[0]).partition(".")[0]
        # A standard module that is loaded at first use is no affair of the component.
        if (
            watch.packages is None
            or package in watch.packages
            or package in sys.modules
            or package in sys.stdlib_module_names
        ):
            return
    elif not event.startswith(watch.prefixes) or _importing(watch.outermost):
        return
    what = f"{event} {printable(repr(args[0]), 120)}" if args else event
    watch.seen.append(what)
    raise ConformanceError(f"this code may only compute; it tried: {what}")


def _importing(outermost: Any) -> bool:
    """Return whether Python's import system is at work in the block: what it imports was judged by name."""
    frame: Any = sys._getframe()
    while frame is not None and frame is not outermost:
        if frame.f_code.co_filename in _IMPORT_SYSTEM:
            return True
        frame = frame.f_back
    return False
