"""Importing what an entry names, and turning every way that fails into one error."""

from __future__ import annotations

import sys
from functools import reduce
from importlib import import_module
from typing import Any

from npdl_core.errors import NpdlError, PluginError, printable
from npdl_core.registry.contracts import mismatch
from npdl_core.registry.discovery import Entry
from npdl_core.registry.naming import singular

__all__ = ["initialising", "load"]


def load(entry: Entry) -> Any:
    """Import and return the object of an entry.

    Raises
    ------
    PluginError
        If the import fails in any way, the attribute is missing, or the object is not what the kind needs.
        The cause is kept. Only Ctrl-C passes through.
    """
    module, attributes = entry.target or ("", "")
    try:
        found = reduce(getattr, attributes.split(".") if attributes else (), import_module(module))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin may even exit at import; only whoever asks for it learns so
        raise PluginError(f"{describe(entry)} cannot be loaded: {cause(error)}") from error
    fault = None if entry.kind == "hooks" else mismatch(entry.kind, found)
    if fault:
        raise PluginError(f"{describe(entry)} cannot be used: {printable(fault)}")
    return found


def initialising(entry: Entry) -> bool:
    """Return whether the module of an entry is being imported right now, so what it lacks may still come."""
    module = sys.modules.get((entry.target or ("", ""))[0])
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


def describe(entry: Entry) -> str:
    """Return who provides what from where, for messages."""
    return (
        f"{printable(entry.distribution)} {printable(entry.version, 40)}: {singular(entry.kind)} "
        f"{printable(repr(entry.name), 80)} ({printable(entry.value)})"
    )


def cause(error: BaseException) -> str:
    """Return an exception's type and text, safe to show."""
    try:
        text = printable(error)
    except Exception:  # the text of a stranger's exception is a stranger's code
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def again(error: NpdlError) -> NpdlError:
    """Return an equal error to raise, so that a kept one does not collect tracebacks."""
    copy = type(error)(*error.args)
    copy.__cause__ = error.__cause__
    return copy
