"""The NPY format: a strict reader of plain numeric arrays, which can hold no pickle."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import DataError, printable
from npdl_data.formats.bounded import Source

__all__ = ["read_npy"]

_MAX_HEADER = 4096
_HEADER = re.compile(
    rb"\{'descr': '([^']*)', 'fortran_order': (True|False), "
    rb"'shape': \(((?:\d{1,18}, ?)*(?:\d{1,18})?)\), ?\} *\n"
)
_NUMBERS = re.compile(r"\|b1|\|[iu]1|[<>][iu][248]|[<>]f[248]")


def read_npy(source: Source, limit: int) -> NDArray[Any]:
    """Read one array of booleans, integers or floats.

    Parameters
    ----------
    source : Source
        An open file; its ``capacity`` bounds what the header may announce.
    limit : int
        The most bytes that the array may take.

    Returns
    -------
    ndarray
        In the machine's byte order, C-contiguous, writable.

    Raises
    ------
    DataError
        If the file is no NPY file of such an array, holds Python objects, or its header and length disagree.
    """
    dtype, fortran_order, shape = _header(source)
    n_bytes = math.prod(shape) * dtype.itemsize
    # An empty array can still announce axes that no array can have.
    if math.prod(max(size, 1) for size in shape) * dtype.itemsize > limit:
        raise DataError(
            f"{source.shown}: an array of shape {shape} takes {n_bytes} bytes, allowed are {limit}"
        )
    data = source.take(n_bytes, f"an array of shape {shape}")
    source.expect_end()
    if dtype == np.bool_ and np.frombuffer(data, dtype=np.uint8).max(initial=0) > 1:
        raise DataError(f"{source.shown}: a boolean that is neither 0 nor 1")
    array = np.frombuffer(data, dtype=dtype).reshape(shape, order="F" if fortran_order else "C")
    return np.array(array, dtype=dtype.newbyteorder("="), order="C")


def _header(source: Source) -> tuple[np.dtype[Any], bool, tuple[int, ...]]:
    start = source.take(8, "the NPY magic number")
    if start[:6] != b"\x93NUMPY":
        raise DataError(f"{source.shown}: not an NPY array")
    if start[6:] not in (b"\x01\x00", b"\x02\x00"):
        raise DataError(f"{source.shown}: NPY version {start[6]}.{start[7]}, expected 1.0 or 2.0")
    size = int.from_bytes(source.take(2 if start[6] == 1 else 4, "the NPY header size"), "little")
    if size > _MAX_HEADER:
        raise DataError(f"{source.shown}: an NPY header of {size} bytes, allowed are {_MAX_HEADER}")
    header = source.take(size, "the NPY header")
    match = _HEADER.fullmatch(header)
    if match is None:
        raise DataError(
            f"{source.shown}: not the header of a plain array: {printable(header.decode('latin-1'))}"
        )
    descr, order, sizes = match[1].decode("latin-1"), match[2] == b"True", match[3].decode("latin-1")
    if not _NUMBERS.fullmatch(descr):
        kind = "Python objects, which only a pickle can hold" if "O" in descr else f"dtype {printable(descr)}"
        raise DataError(f"{source.shown}: holds {kind}; expected booleans, integers or floats")
    shape = tuple(int(entry) for entry in sizes.replace(",", " ").split())
    if len(shape) > 32:
        raise DataError(f"{source.shown}: an array of {len(shape)} axes, allowed are 32")
    return np.dtype(descr), order, shape
