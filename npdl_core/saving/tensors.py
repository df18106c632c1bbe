"""Safetensors bytes: written by the library, and checked by ourselves before the library reads them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import (
    FileFormatError,
    NonFiniteError,
    SerializationError,
    WeightsError,
    printable,
)
from npdl_core.parameters import mismatches
from npdl_core.saving import strict_json
from npdl_core.saving.atomic import write_atomically
from npdl_core.saving.paths import check_path

__all__ = ["Contents", "check_fit", "digest", "read", "write"]

KEY = "npdl"
_DTYPES: dict[str, np.dtype[Any]] = {
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
    "I64": np.dtype("<i8"),
}
_MAX_TENSORS = 40_000
_FOREIGN = {
    b"PK\x03\x04": "a zip archive (.keras, .npz or .pt)",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a .npy file",
    b"\x80": "a pickle",
    b"{": "JSON text",
}


class Contents(NamedTuple):
    """What a file holds: the parsed metadata document and the tensors by name."""

    document: dict[str, Any]
    tensors: dict[str, NDArray[Any]]


def digest(document: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> str:
    """Return the SHA-256 over a document and tensors: names, dtypes, shapes and bytes."""
    checksum = hashlib.sha256(strict_json.dumps(document).encode())
    for name in sorted(tensors):
        array = _stored(tensors[name])
        checksum.update(f"{name}|{array.dtype.str}|{array.shape}|".encode())
        checksum.update(array.data if array.size else b"")
    return checksum.hexdigest()


def _stored(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array as files hold it: contiguous and little-endian."""
    return np.asarray(array, array.dtype.newbyteorder("<"), order="C")


def write(path: Any, document: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> None:
    """Write a document and tensors into one file, atomically; equal contents give equal bytes.

    Raises
    ------
    SerializationError
        If :func:`read` would not take the file.
    """
    from safetensors.numpy import save

    arrays = {name: _stored(array) for name, array in tensors.items()}
    text = strict_json.dumps({**document, "sha256": digest(document, arrays)})
    content = save(arrays, metadata={KEY: text})
    try:
        size = int.from_bytes(content[:8], "little")
        _document(content[8 : 8 + size], len(content) - 8 - size, "this file")
    except FileFormatError as error:
        raise SerializationError(f"cannot be saved: {error}") from None
    write_atomically(path, content)


def read(path: Any) -> Contents:
    """Return the document and tensors of a file after checking all of it.

    Raises
    ------
    FileFormatError
        If it is not a file that :func:`write` wrote, or was changed since.
    OSError
        If it does not exist or cannot be read.
    """
    from safetensors.numpy import load

    file = Path(check_path("path", path))
    where = printable(file.name, 80)
    if file.exists() and not file.is_file():
        raise FileFormatError(f"{where} is no regular file")
    with file.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(0)
        prefix = stream.read(8)
        length = int.from_bytes(prefix, "little")
        if len(prefix) < 8 or length > min(size - 8, strict_json.MAX_BYTES):
            raise FileFormatError(
                f"{where}: not a safetensors file (it looks like {_kind(prefix)}); npdl reads no other format"
            )
        header = stream.read(length)
        document = _document(header, size - 8 - length, where)
        content = prefix + header + stream.read()
    checksum = document.pop("sha256", None)
    tensors = load(content)
    if digest(document, tensors) != checksum:
        raise FileFormatError(f"{where}: the checksum does not match; the file was damaged or changed")
    return Contents(document, tensors)


def _kind(prefix: bytes) -> str:
    return next((name for start, name in _FOREIGN.items() if prefix.startswith(start)), "something else")


def _document(header: bytes, data_size: int, where: str) -> dict[str, Any]:
    """Return the document in a header, after checking all of it, before any tensor is looked at."""
    parsed = strict_json.loads(header, where)
    if not isinstance(parsed, dict):
        raise FileFormatError(f"{where}: the header is not a JSON object")
    metadata = parsed.pop("__metadata__", None)
    if not isinstance(metadata, dict) or set(metadata) != {KEY} or not isinstance(metadata[KEY], str):
        raise FileFormatError(f"{where}: its metadata has no {KEY!r} entry, so npdl did not write it")
    _check_entries(parsed, data_size, where)
    document = strict_json.loads(metadata[KEY], where)
    if not isinstance(document, dict) or not isinstance(document.get("sha256"), str):
        raise FileFormatError(f"{where}: its metadata is not an npdl document with a checksum")
    return document


def _check_entries(header: dict[str, Any], data_size: int, where: str) -> None:
    """Check names, dtypes, shapes and offsets of all tensors with Python integers."""
    if len(header) > _MAX_TENSORS:
        raise FileFormatError(f"{where}: {len(header):,} tensors are more than the allowed {_MAX_TENSORS:,}")
    spans = [_span(name, entry, where) for name, entry in header.items()]
    end = 0
    for start, stop, name in sorted(spans):
        if start != end:
            raise FileFormatError(f"{where}: tensor {name} overlaps another one or leaves a gap")
        end = stop
    if end != data_size:
        raise FileFormatError(f"{where}: the tensors cover {end:,} of {data_size:,} bytes")


def _span(name: str, entry: Any, where: str) -> tuple[int, int, str]:
    shown = printable(repr(name), 60)
    if len(name) > 500 or not all(part.isidentifier() or part.isdecimal() for part in name.split(".")):
        raise FileFormatError(f"{where}: {shown} is not a tensor name")
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise FileFormatError(f"{where}: tensor {shown} needs exactly dtype, shape and data_offsets")
    dtype = _DTYPES.get(entry["dtype"]) if isinstance(entry["dtype"], str) else None
    if dtype is None:
        raise FileFormatError(
            f"{where}: tensor {shown} has dtype {printable(repr(entry['dtype']), 20)}, "
            f"expected one of {', '.join(_DTYPES)}"
        )
    shape, offsets = entry["shape"], entry["data_offsets"]
    if not _sizes(shape) or len(shape) > 32 or not _sizes(offsets) or len(offsets) != 2:
        raise FileFormatError(f"{where}: tensor {shown} has a malformed shape or offset")
    if math.prod(shape) == 0 and max(shape) > 2**31:
        raise FileFormatError(f"{where}: tensor {shown} has the impossible shape {printable(shape, 60)}")
    if math.prod(shape) * dtype.itemsize != offsets[1] - offsets[0]:
        raise FileFormatError(
            f"{where}: tensor {shown} of shape {printable(shape, 60)} does not fill its bytes"
        )
    return offsets[0], offsets[1], shown


def _sizes(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, int) and not isinstance(item, bool) and item >= 0 for item in value
    )


def check_fit(
    expected: Mapping[str, NDArray[Any]], came: Mapping[str, NDArray[Any]], where: str, *, finite: bool
) -> None:
    """Compare names, shapes and dtypes of tensors with those of a model, and list every difference.

    Raises
    ------
    WeightsError
        If there is one; nothing was changed.
    NonFiniteError
        If ``finite`` and a tensor holds NaN or infinity.
    """
    problems = mismatches(expected, came, dtypes=True)
    if problems:
        raise WeightsError(f"{where}: these weights do not fit the model: {'; '.join(problems)}")
    for name, array in came.items():
        if finite and not np.isfinite(array).all():
            raise NonFiniteError(
                f"{where}: {name} holds NaN or infinity; pass finite=False to load it all the same"
            )
