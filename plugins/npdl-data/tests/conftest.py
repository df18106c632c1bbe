"""What several test modules use: small files of every format, written by the tests themselves."""

import gzip
import struct

import numpy as np
import pytest


def idx_bytes(array):
    """Return a uint8 array in the IDX format."""
    header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


@pytest.fixture(name="idx_bytes")
def _idx_bytes():
    return idx_bytes


@pytest.fixture
def idx_folder(tmp_path):
    """Return a folder with a small set in the form of Fashion-MNIST: one part plain, one gzip."""
    rng = np.random.default_rng(0)
    for part, n, wrap, suffix in (("train", 12, bytes, ""), ("t10k", 5, gzip.compress, ".gz")):
        images = rng.integers(0, 256, (n, 4, 3), dtype=np.uint8)
        labels = (np.arange(n) % 10).astype(np.uint8)
        (tmp_path / f"{part}-images-idx3-ubyte{suffix}").write_bytes(wrap(idx_bytes(images)))
        (tmp_path / f"{part}-labels-idx1-ubyte{suffix}").write_bytes(wrap(idx_bytes(labels)))
    return tmp_path


@pytest.fixture
def mnist_file(tmp_path):
    """Return a file in the form of mnist_5k: three of each digit, sorted by class."""
    rng = np.random.default_rng(0)
    table = np.column_stack([rng.integers(0, 256, (30, 784)), np.repeat(np.arange(10), 3)])
    path = tmp_path / "mnist.csv.gz"
    with gzip.open(path, "wt") as file:
        np.savetxt(file, table, fmt="%d", delimiter=",")
    return path


@pytest.fixture
def csv_file(tmp_path):
    """Return a table of twelve rows in three classes of text."""
    rows = [f"{row},{row * row},{'abc'[row % 3]}" for row in range(12)]
    path = tmp_path / "table.csv"
    path.write_text("\n".join(["size,area,kind", *rows]) + "\n")
    return path


@pytest.fixture
def npz_file(tmp_path):
    """Return an archive with X (10, 3), Y (10,) and a test part of two samples."""
    path = tmp_path / "arrays.npz"
    X = np.arange(30, dtype=np.float32).reshape(10, 3)
    np.savez(path, X=X, Y=np.arange(10) % 4, X_test=X[:2] + 100, Y_test=np.array([1, 3]))
    return path
