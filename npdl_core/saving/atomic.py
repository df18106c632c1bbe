"""Files that are either the old one or the new one, whatever happens."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path
from typing import Any

from npdl_core.saving.paths import check_path, check_target

__all__ = ["write_atomically"]


def write_atomically(path: Any, content: bytes) -> None:
    """Write a file by way of a temporary one in the same folder, synced and renamed.

    An existing file is replaced by one with its permissions; a symbolic link is replaced itself, never
    written through.

    Raises
    ------
    DataError
        If ``path`` is a folder or a device, or its folder does not exist or cannot be written to.
    OSError
        If the disk is full; the old file stays as it was.
    """
    target = check_target(check_path("path", path))
    temporary = target.parent / f".{target.name[:100]}.{secrets.token_hex(6)}.tmp"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with os.fdopen(descriptor, "wb") as stream:
            if target.exists():
                os.chmod(temporary, stat.S_IMODE(target.stat().st_mode))
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the system lets a folder be synced."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
