"""The IDX format of the MNIST family: a magic number, big-endian sizes, bytes."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import DataError
from npdl_data.formats.bounded import MAX_BYTES, open_bounded

__all__ = ["read_idx"]

_UINT8 = 8
#: The arrays become float32, four bytes for each one of the file.
_LIMIT = MAX_BYTES // 4


def read_idx(path: Path, rank: int, first: int | None = None) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes, plain or gzip.

    Parameters
    ----------
    path : Path
        The file.
    rank : int
        The number of axes that it must have: 1 for labels ``(N,)``, 3 for images ``(N, H, W)``.
    first : int, optional
        Read only so many entries of the first axis.

    Returns
    -------
    ndarray of uint8
        Read-only.

    Raises
    ------
    DataError
        If the magic number, the rank, the sizes or the length of the file are not right, or there are fewer
        than ``first`` entries.
    """
    with open_bounded(path, _LIMIT) as source:
        zero, kind, axes = struct.unpack(">HBB", source.take(4, "the IDX magic number"))
        if (zero, kind, axes) != (0, _UINT8, rank):
            found = f"{zero:04x}{kind:02x}{axes:02x}"
            raise DataError(f"{source.shown}: IDX magic number {found}, expected 0000{_UINT8:02x}{rank:02x}")
        shape = struct.unpack(f">{rank}I", source.take(4 * rank, "the IDX sizes"))
        if first is not None:
            if first > shape[0]:
                raise DataError(f"{source.shown}: has {shape[0]} entries, {first} were asked for")
            shape = (first, *shape[1:])
        data = source.take(math.prod(shape), f"IDX data of shape {shape}")
        if first is None:
            source.expect_end()
    return np.frombuffer(data, dtype=np.uint8).reshape(shape)
