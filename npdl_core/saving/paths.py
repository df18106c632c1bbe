"""Paths of files that are to be written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from npdl_core.errors import ConfigError, DataError, printable

__all__ = ["check_path", "check_target"]


def check_path(name: str, path: Any) -> str:
    """Return a path-like argument as a string.

    Raises
    ------
    ConfigError
        If it is none, or empty.
    """
    text = os.fspath(path) if isinstance(path, (str, os.PathLike)) else None
    if not isinstance(text, str) or not text or "\0" in text:
        raise ConfigError(f"{name} must be a path, got {printable(repr(path), 60)}")
    return text


def check_target(path: str) -> Path:
    """Return the path of a file to write, new or old.

    Raises
    ------
    DataError
        If it is a folder, a device or the like, or its folder does not exist or cannot be written to.
    """
    target = Path(path)
    if target.is_dir():
        raise DataError(f"{printable(target)} is a folder; give the name of a file")
    if target.exists() and not target.is_file():
        raise DataError(f"{printable(target)} is no regular file")
    if not target.parent.is_dir():
        raise DataError(f"the folder {printable(target.parent)} does not exist; make it first")
    if not os.access(target.parent, os.W_OK):
        raise DataError(f"the folder {printable(target.parent)} cannot be written to")
    return target
