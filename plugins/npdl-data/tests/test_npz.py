"""NPZ archives, good ones and hostile ones."""

import io
import struct
import time
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from npdl_core import registry
from npdl_core.errors import BudgetError, ConfigError, DataError
from npdl_data.formats.npz import read_npz


def load(path, **config):
    return registry.get("datasets", "npz", path=str(path), **config).load()


@pytest.fixture
def save(tmp_path):
    def write(compressed=False, **arrays):
        path = tmp_path / "data.npz"
        (np.savez_compressed if compressed else np.savez)(path, **arrays)
        return path

    return write


@pytest.fixture
def pack(tmp_path):
    """Return a function that writes an archive of raw members."""

    def write(members, method=zipfile.ZIP_STORED):
        path = tmp_path / "data.npz"
        with zipfile.ZipFile(path, "w", method) as archive:
            for name, content in members:
                archive.writestr(name, content)
        return path

    return write


def npy(descr="<f4", shape=(2, 3), data=bytes(24), order="False", version=1):
    header = f"{{'descr': {descr!r}, 'fortran_order': {order}, 'shape': {shape!r}, }}".encode() + b"\n"
    return raw_npy(header, data, version)


def raw_npy(header, data=b"", version=1):
    size = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + size + header + data


GOOD = npy("<i8", (2,), bytes(16))


def test_the_last_samples_are_for_testing(npz_file):
    (X, Y), (X_test, Y_test) = load(npz_file, test_split=0.2)
    assert X.tolist() == np.arange(24).reshape(8, 3).tolist()
    assert Y.tolist() == [0, 1, 2, 3, 0, 1, 2, 3]
    assert X_test[0].tolist() == [24, 25, 26]
    assert Y_test.tolist() == [0, 1]
    assert X.dtype == np.float32


def test_a_test_part_of_its_own(npz_file):
    names = {"x_test": "X_test", "y_test": "Y_test"}
    (X, Y), (X_test, Y_test) = load(npz_file, **names)
    assert len(X) == len(Y) == 10
    assert X_test.tolist() == [[100, 101, 102], [103, 104, 105]]
    assert Y_test.tolist() == [1, 3]
    (mixed, _), (same, _) = load(npz_file, shuffle=True, **names)
    assert sorted(mixed[:, 0]) == sorted(X[:, 0])
    assert not np.array_equal(mixed, X)
    assert np.array_equal(same, X_test)


def test_masks(save):
    X, mask = np.ones((4, 3, 2)), np.array([[True, False, False]] * 4)
    path = save(X=X, Y=np.arange(4), m=mask, m_test=mask[:1])
    (_, _, found), (_, _, found_test) = load(path, mask="m", test_split=0.25)
    assert np.array_equal(found, mask[:3])
    assert np.array_equal(found_test, mask[:1])
    both = {"x_test": "X", "y_test": "Y", "mask_test": "m"}
    assert len(load(path, mask="m", **both)[1]) == 3
    (scaled, _, _), _ = load(save(X=X * 5, Y=np.arange(4), m=mask), mask="m", scale="unit", test_split=0)
    assert scaled.dtype == np.float64
    assert scaled[:, :, 0].tolist() == [[1, 0, 0]] * 4


@pytest.mark.parametrize("shape", [(6,), (6, 2), (6, 4, 2), (6, 1, 4, 2)])
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_scaling(save, shape, dtype):
    X = np.random.default_rng(0).integers(0, 99, shape).astype(dtype)
    (scaled, _), _ = load(save(X=X, Y=np.arange(6)), scale="standard", test_split=0)
    axes = None if len(shape) in (1, 4) else tuple(range(len(shape) - 1))
    assert scaled.dtype == (np.float64 if dtype == "float64" else np.float32)
    values = X.astype(np.float64)
    assert np.allclose(scaled, (values - values.mean(axis=axes)) / values.std(axis=axes), atol=1e-5)


def test_one_hot(npz_file):
    (_, Y), (_, Y_test) = load(npz_file, one_hot=True, test_split=0.2)
    assert Y.shape == (8, 4)
    assert Y_test.tolist() == np.eye(4)[:2].tolist()


@pytest.mark.parametrize(
    "Y", [np.array([0.0, 1.0]), np.array([[0], [1]]), np.array([-1, 1]), np.array([True, False])]
)
def test_one_hot_of_what_are_no_labels(save, Y):
    with pytest.raises(DataError, match="one_hot needs labels"):
        load(save(X=np.eye(2), Y=Y), one_hot=True, test_split=0)


def test_one_hot_of_a_huge_label(save):
    with pytest.raises(BudgetError, match=r"use integer ids|use integer labels"):
        load(save(X=np.eye(2), Y=np.array([0, 2**62])), one_hot=True, test_split=0)


ARRAYS = hnp.arrays(
    hnp.boolean_dtypes()
    | hnp.integer_dtypes(endianness="?")
    | hnp.unsigned_integer_dtypes(endianness="?")
    | hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0),
)


@given(ARRAYS, st.booleans(), st.booleans())
def test_reads_what_numpy_writes(tmp_path_factory, array, compressed, fortran):
    path = tmp_path_factory.mktemp("npz") / "data.npz"
    stored = np.asfortranarray(array) if fortran else array
    (np.savez_compressed if compressed else np.savez)(path, a=stored, b=np.arange(3))
    found = read_npz(path, ["b", "a"])
    assert list(found) == ["b", "a"]
    assert found["b"].tolist() == [0, 1, 2]
    assert found["a"].dtype == array.dtype.newbyteorder("=")
    assert found["a"].flags.writeable
    assert found["a"].flags.c_contiguous
    np.testing.assert_array_equal(found["a"], array)


def test_version_2_headers(pack):
    path = pack([("X.npy", npy(version=2, data=np.arange(6, dtype="<f4").tobytes())), ("Y.npy", GOOD)])
    (X, _), _ = load(path, test_split=0)
    assert X.tolist() == [[0, 1, 2], [3, 4, 5]]


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("unpickled",))


def test_object_arrays_are_never_unpickled(save):
    with pytest.raises(DataError, match=r"data.npz\[X\]: holds Python objects, which only a pickle can hold"):
        load(save(X=np.array([Bomb(), Bomb()]), Y=np.arange(2)))


MANY = 10**12


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (b"", "the file ends inside the NPY magic number|takes 8 bytes"),
        (b"PK\x03\x04" + bytes(99), "not an NPY array"),
        (b"\x93NUMPY\x03\x00" + GOOD[8:], "NPY version 3.0"),
        (b"\x93NUMPY\x01\x07" + GOOD[8:], "NPY version 1.7"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "an NPY header of 4294967295 bytes, allowed are 4096"),
        (b"\x93NUMPY\x01\x00\x60\x00{}", "the NPY header"),
        (raw_npy(b"{}\n"), "not the header of a plain array"),
        (raw_npy(b"(" * 4000 + b"\n"), "not the header of a plain array"),
        (
            raw_npy(b"{'descr': '<f4', 'fortran_order': __import__('os'), 'shape': (2,), }\n"),
            "not the header",
        ),
        (
            raw_npy(b"{'descr': '<f4', 'descr': '|O', 'fortran_order': False, 'shape': (2,), }\n"),
            "not the header",
        ),
        (npy([("a", "<f4")]), "not the header of a plain array"),
        (npy("<f4", (-2, -3)), "not the header of a plain array"),
        (npy("<f4", (10**30,)), "not the header of a plain array"),
        (npy("|O"), "holds Python objects"),
        (npy("<U9"), "holds dtype <U9; expected booleans, integers or floats"),
        (npy("<c8"), "holds dtype <c8"),
        (npy("<f16"), "holds dtype <f16"),
        (npy("<M8"), "holds dtype <M8"),
        (npy("|V8"), "holds dtype |V8"),
        (npy("<f4", (MANY,)), f"an array of shape .{MANY},. takes {4 * MANY} bytes, allowed are"),
        (npy("<f4", (2**17, 2**17)), "takes 68719476736 bytes, allowed are"),
        (npy("<f4", (2, 2**26)), "holds at most"),
        (npy("<f4", (0, 3)), "the file goes on"),
        (npy("<f4", (0, MANY, MANY), b""), "takes 0 bytes, allowed are"),
        (npy("<f4", (1,) * 33, bytes(4)), "an array of 33 axes, allowed are 32"),
        (npy("<f4", (2, 4)), "the file ends inside|holds at most"),
        (npy("<f4", (2, 2)), "goes on after the data"),
        (npy("|b1", (2,), b"\x01\x02"), "a boolean that is neither 0 nor 1"),
    ],
)
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_that_are_no_plain_arrays(pack, member, message, method):
    with pytest.raises(DataError, match=message):
        load(pack([("X.npy", member), ("Y.npy", GOOD)], method))


def test_a_bomb_is_refused_before_it_takes_memory(pack):
    content = npy("|u1", (2, 2**26), bytes(2**27))
    path = pack([("X.npy", content), ("Y.npy", GOOD)], zipfile.ZIP_DEFLATED)
    del content
    assert path.stat().st_size < 2**18
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="takes 134217728 bytes, allowed are 67108864"):
            load(path, max_bytes=2**26)
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()


def test_a_member_cannot_claim_more_than_deflate_can_hold(pack):
    member = npy("|u1", (2, 2**26), b"")
    path = pack([("X.npy", member), ("Y.npy", GOOD)], zipfile.ZIP_DEFLATED)
    content = bytearray(path.read_bytes())
    directory = content.index(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = struct.pack("<I", 2**27 + 128)
    path.write_bytes(content)
    with pytest.raises(DataError, match="takes 134217728 bytes, but the file holds at most"):
        load(path)


def test_all_arrays_together_stay_below_the_limit(save):
    path = save(X=np.zeros((2, 500), dtype="u1"), Y=np.zeros(2), compressed=True)
    assert len(load(path, max_bytes=1016, test_split=0)[0][0]) == 2
    with pytest.raises(DataError, match="takes 16 bytes, allowed are 15"):
        load(path, max_bytes=1015, test_split=0)


def test_a_name_that_stands_twice(pack):
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = pack([("X.npy", npy()), ("X.npy", npy()), ("Y.npy", GOOD)])
    with pytest.raises(DataError, match="more than one array named 'X'"):
        load(path)


def test_a_name_that_is_missing(npz_file):
    with pytest.raises(DataError, match="no array named 'x_train'; it holds X, Y, X_test, Y_test"):
        load(npz_file, x="x_train")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(pack, method):
    with pytest.raises(DataError, match=f"is packed by method {method}, expected 0 or 8"):
        load(pack([("X.npy", npy()), ("Y.npy", GOOD)], method))


def test_an_encrypted_member(pack):
    path = pack([("X.npy", npy()), ("Y.npy", GOOD)])
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        content[content.index(signature) + offset] |= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="encrypted"):
        load(path)


def test_a_flipped_bit_is_found(save):
    path = save(X=np.arange(6.0).reshape(2, 3), Y=np.arange(2))
    content = bytearray(path.read_bytes())
    content[content.index(np.arange(6.0).tobytes()) + 5] ^= 4
    path.write_bytes(content)
    with pytest.raises(DataError, match="CRC"):
        load(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"PK", b"PK\x05\x06", b"\x93NUMPY\x01\x00", bytes(500), b"PK\x05\x06" + bytes(18) + b"comment"],
)
def test_what_is_no_archive(tmp_path, content):
    path = tmp_path / "data.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match="not an NPZ archive, or cut off"):
        load(path)


def test_every_cut_of_an_archive_is_an_error(npz_file):
    content = npz_file.read_bytes()
    for size in range(0, len(content), 13):
        npz_file.write_bytes(content[:size])
        with pytest.raises(DataError):
            load(npz_file)


def test_a_directory_of_endless_entries_is_not_parsed(pack):
    path = pack([(f"{index}.npy", b"") for index in range(4000)])
    start = time.perf_counter()
    with pytest.raises(DataError, match="the archive's directory takes more than"):
        load(path)
    assert time.perf_counter() - start < 0.05


def test_the_64_bit_directory_is_refused(npz_file):
    content = npz_file.read_bytes()
    end = content.rindex(b"PK\x05\x06")
    locator = b"PK\x06\x07" + struct.pack("<IQI", 0, 0, 1)
    npz_file.write_bytes(content[:end] + locator + content[end:])
    with pytest.raises(DataError, match="the archive's directory takes more than"):
        load(npz_file)


@given(st.integers(0, 10**6), st.integers(1, 255), st.data())
def test_any_damage_loads_or_fails_with_our_error(tmp_path_factory, position, change, data):
    buffer = io.BytesIO()
    X = np.arange(12, dtype=np.float32).reshape(4, 3)
    (np.savez_compressed if data.draw(st.booleans()) else np.savez)(buffer, X=X, Y=np.arange(4))
    content = bytearray(buffer.getvalue())
    content[position % len(content)] ^= change
    path = tmp_path_factory.mktemp("damage") / "data.npz"
    path.write_bytes(content)
    try:
        (found, _), _ = load(path, test_split=0)
    except DataError:
        return
    assert np.array_equal(found, X)


@pytest.mark.parametrize(
    ("arrays", "config", "message"),
    [
        ({"X": np.eye(3), "Y": np.arange(2)}, {}, r"arrays of shapes X \(3, 3\), Y \(2,\)"),
        ({"X": np.float64(1), "Y": np.float64(1)}, {}, "expected the same number of samples"),
        ({"X": np.zeros((0, 3)), "Y": np.zeros(0)}, {}, "at least one"),
        ({"X": np.array([[1.0], [np.nan]]), "Y": np.arange(2)}, {}, "X holds NaN or infinity"),
        ({"X": np.eye(2), "Y": np.array([1.0, np.inf])}, {}, "Y holds NaN or infinity"),
        (
            {"X": np.ones((2, 3)), "Y": np.arange(2), "m": np.ones((2, 2), bool)},
            {"mask": "m"},
            "a mask of bool",
        ),
        ({"X": np.ones((2, 3)), "Y": np.arange(2), "m": np.ones((2, 3))}, {"mask": "m"}, "a mask of float64"),
        (
            {"X": np.ones((2, 3)), "Y": np.arange(2), "m": np.zeros((2, 3), bool)},
            {"mask": "m"},
            "somewhere true",
        ),
        (
            {"X": np.eye(2), "Y": np.arange(2), "A": np.ones((2, 3)), "B": np.arange(2)},
            {"x_test": "A", "y_test": "B"},
            r"a training array float64 \(2, 2\) and a test array float64 \(2, 3\)",
        ),
        (
            {"X": np.eye(2), "Y": np.arange(2), "A": np.eye(2), "B": np.ones(2)},
            {"x_test": "A", "y_test": "B"},
            "expected equal dtypes",
        ),
    ],
)
def test_arrays_that_do_not_belong_together(save, arrays, config, message):
    with pytest.raises(DataError, match=message):
        load(save(**arrays), test_split=0, **config)


@pytest.mark.parametrize(
    "config",
    [{"x_test": "A"}, {"y_test": "B"}, {"mask": "m", "x_test": "A", "y_test": "B"}, {"mask_test": "m"}],
)
def test_half_a_test_part_is_refused(config):
    with pytest.raises(ConfigError, match="must be given together"):
        registry.get("datasets", "npz", path="data.npz", **config)
