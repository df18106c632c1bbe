"""The IDX reader on good and hostile files."""

import gzip
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp

from npdl_core.errors import DataError
from npdl_data.formats.idx import read_idx


def idx(*sizes, data=b"", magic=None):
    start = struct.pack(">HBB", 0, 8, len(sizes)) if magic is None else magic
    return start + struct.pack(f">{len(sizes)}I", *sizes) + data


@pytest.mark.parametrize("wrap", [bytes, gzip.compress])
@given(array=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=3, min_side=0)))
def test_reads_what_the_format_says(tmp_path_factory, wrap, array):
    path = tmp_path_factory.mktemp("idx") / "images"
    path.write_bytes(wrap(idx(*array.shape, data=array.tobytes())))
    assert np.array_equal(read_idx(path, 3), array)
    assert np.array_equal(read_idx(path, 3, first=len(array) // 2), array[: len(array) // 2])


HOSTILE = [
    (b"", "the IDX magic number"),
    (b"\x00\x00\x08", "the IDX magic number"),
    (idx(2, 2, data=bytes(4)), "IDX magic number 00000802, expected 00000803"),
    (idx(2, 2, 2, data=bytes(8), magic=b"\x00\x00\x0d\x03"), "IDX magic number 00000d03, expected"),
    (idx(2, 2, 2, data=bytes(8), magic=b"\x01\x00\x08\x03"), "IDX magic number 01000803, expected"),
    (idx(2, 2, 2)[:10], "the IDX sizes"),
    (idx(2, 2, 2, data=bytes(7)), "IDX data of shape"),
    (idx(2, 2, 2, data=bytes(9)), "goes on after the data"),
    (
        idx(2**32 - 1, 2**32 - 1, 2**32 - 1),
        "takes 79228162458924105385300197375 bytes, but the file holds at most",
    ),
    (idx(60_000, 28, 28), "takes 47040000 bytes, but the file holds at most"),
]


@pytest.mark.parametrize("wrap", [bytes, gzip.compress])
@pytest.mark.parametrize(("content", "message"), HOSTILE)
def test_hostile_files(tmp_path, wrap, content, message):
    path = tmp_path / "images"
    path.write_bytes(wrap(content))
    with pytest.raises(DataError, match=message):
        read_idx(path, 3)


@pytest.mark.parametrize("cut", [3, 12, 40, -8, -1])
def test_cut_gzip(tmp_path, cut):
    path = tmp_path / "images"
    path.write_bytes(gzip.compress(idx(9, 9, 9, data=np.random.default_rng(0).bytes(729)))[:cut])
    with pytest.raises(DataError, match="cannot be read"):
        read_idx(path, 3)


def test_damaged_gzip(tmp_path):
    path = tmp_path / "images"
    content = bytearray(gzip.compress(idx(9, 9, 9, data=bytes(729))))
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="CRC"):
        read_idx(path, 3)


def test_a_bomb_takes_no_memory(tmp_path):
    path = tmp_path / "images"
    path.write_bytes(gzip.compress(idx(4, 1, 1, data=bytes(2**27))))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="goes on after the data"):
            read_idx(path, 3)
        assert tracemalloc.get_traced_memory()[1] < 2**23
    finally:
        tracemalloc.stop()


def test_more_than_the_limit_is_refused_by_the_header(tmp_path):
    path = tmp_path / "images"
    path.write_bytes(gzip.compress(idx(2**14, 2**7, 2**7, data=bytes(2**20))))
    with pytest.raises(DataError, match="takes 268435456 bytes, but the file holds at most"):
        read_idx(path, 3)
