"""The NPZ format: a zip archive of NPY files, checked before anything is unpacked."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

from numpy.typing import NDArray

from npdl_core.errors import DataError, printable
from npdl_data.formats.bounded import DEFLATE_RATIO, MAX_BYTES, limited, open_regular
from npdl_data.formats.npy import read_npy

__all__ = ["read_npz"]

_END = b"PK\x05\x06"
_END_SIZE = 22
_END64_LOCATOR = b"PK\x06\x07"
_END64_LOCATOR_SIZE = 20
#: More than any set of arrays needs; zipfile parses the whole directory before an entry can be checked.
_MAX_DIRECTORY = 2**17
_BROKEN = (zipfile.BadZipFile, EOFError, OSError, RuntimeError, ValueError, struct.error)


def read_npz(path: Path, names: Iterable[str], limit: int = MAX_BYTES) -> dict[str, NDArray[Any]]:
    """Read named arrays from an NPZ file; others in it are left alone.

    Parameters
    ----------
    path : Path
        The archive.
    names : iterable of str
        The arrays to read.
    limit : int
        The most bytes that the file may have, and that all arrays together may take.

    Returns
    -------
    dict of str to ndarray
        In the order of ``names``.

    Raises
    ------
    DataError
        If the archive or an array in it is not what it should be, is too large, or a name is missing.
    """
    arrays: dict[str, NDArray[Any]] = {}
    with open_regular(path, limit) as (raw, size, shown):
        _check_directory(raw, size, shown)
        try:
            with zipfile.ZipFile(raw) as archive:
                for name in names:
                    arrays[name] = _read_member(archive, name, shown, limit)
                    limit -= arrays[name].nbytes
        except DataError:
            raise
        except _BROKEN as error:
            raise DataError(f"{shown}: a broken NPZ archive: {printable(error)}") from error
    return arrays


def _check_directory(raw: IO[bytes], size: int, shown: str) -> None:
    """Check the archive's end record, which says how much zipfile is going to parse."""
    tail_size = min(size, _END64_LOCATOR_SIZE + _END_SIZE)
    raw.seek(size - tail_size)
    tail = raw.read(tail_size)
    end = tail[-_END_SIZE:]
    if end[:4] != _END or end[-2:] != b"\x00\x00":
        raise DataError(f"{shown}: not an NPZ archive, or cut off")
    (directory,) = struct.unpack("<I", end[12:16])
    if directory > _MAX_DIRECTORY or tail.startswith(_END64_LOCATOR):
        raise DataError(
            f"{shown}: the archive's directory takes more than the allowed {_MAX_DIRECTORY} bytes"
        )
    raw.seek(0)


def _read_member(archive: zipfile.ZipFile, name: str, shown: str, limit: int) -> NDArray[Any]:
    found = [entry for entry in archive.infolist() if entry.filename == f"{name}.npy"]
    if len(found) != 1:
        held = ", ".join(entry.filename.removesuffix(".npy") for entry in archive.infolist())
        problem = "more than one array" if found else "no array"
        raise DataError(f"{shown}: {problem} named {printable(repr(name))}; it holds {printable(held)}")
    entry = found[0]
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(
            f"{shown}: {printable(name)} is packed by method {entry.compress_type}, expected 0 or 8"
        )
    capacity = min(entry.file_size, entry.compress_size * DEFLATE_RATIO)
    with archive.open(entry) as stream:
        return read_npy(limited(stream, entry.file_size, capacity, f"{shown}[{printable(name)}]"), limit)
