"""The image sets, real ones and files that the tests write."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from npdl_core import registry
from npdl_core.errors import DataError, MissingDependencyError
from npdl_data import images


def load(name, **config):
    return registry.get("datasets", name, **config).load()


def counts(*labels):
    return np.bincount(np.concatenate(labels)).tolist()


def test_mnist_5k_has_500_of_each_digit():
    (X, Y), (_X_test, Y_test) = load("mnist_5k")
    assert X.shape == (4500, 784)
    assert X.dtype == np.float32
    assert (X.min(), X.max()) == (0, 1)
    assert counts(Y, Y_test) == [500] * 10
    assert min(counts(Y_test)) > 30


def test_mnist_5k_as_images_in_file_order():
    (X, Y), (X_test, _) = load("mnist_5k", flatten=False, shuffle=False, scale="none", test_split=0.02)
    assert X.shape == (4900, 1, 28, 28)
    assert X_test.shape == (100, 1, 28, 28)
    assert np.array_equal(Y, np.sort(Y))
    # The first line of the file: a zero whose first ink is in row 4 from column 15 on.
    assert X[0, 0, 4, 15:20].tolist() == [51, 159, 253, 159, 50]
    assert not X[0, 0, :4].any()


MNIST_LINE = ",".join(["7"] * 784)


@pytest.mark.parametrize("wrap", [bytes, gzip.compress])
def test_mnist_5k_from_a_path(tmp_path, wrap):
    path = tmp_path / "digits.csv"
    path.write_bytes(wrap(f"{MNIST_LINE},3\n{MNIST_LINE},4\n".encode()))
    (X, Y), (X_test, Y_test) = load("mnist_5k", path=str(path), test_split=0.5, shuffle=False)
    assert np.allclose(X, 7 / 255)
    assert X_test.shape == (1, 784)
    assert (Y.tolist(), Y_test.tolist()) == ([3], [4])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no rows"),
        ("1,2,3\n", "line 1: expected 784 pixels"),
        (f"{MNIST_LINE},10\n", "line 1: expected 784 pixels and a label from 0 to 9"),
        (f"{MNIST_LINE},1\n{MNIST_LINE},256\n", "line 2: a cell that is not an integer from 0 to 255"),
        (f"{MNIST_LINE},-1\n", "line 1: a cell"),
        (f"{MNIST_LINE},1.5\n", "line 1: a cell"),
        (f"{MNIST_LINE},1\n{MNIST_LINE}\n", "line 2: 784 cells, the first row has 785"),
    ],
)
def test_mnist_5k_from_a_file_of_another_form(tmp_path, content, message):
    path = tmp_path / "digits.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        load("mnist_5k", path=str(path))


def test_lfw_faces():
    (X, Y), (_X_test, Y_test) = load("lfw_faces")
    assert X.shape == (180, 625)
    assert X.dtype == np.float32
    assert X.min() >= 0
    assert X.max() <= 1
    assert counts(Y, Y_test) == [100, 100]
    (X, Y), _ = load("lfw_faces", shuffle=False, test_split=0, flatten=False, one_hot=True)
    assert X.shape == (200, 1, 25, 25)
    assert np.array_equal(Y.argmax(axis=1), [1] * 100 + [0] * 100)
    # Every face has contrast; many pieces of background have none.
    contrast = X.std(axis=(1, 2, 3))
    assert contrast[:100].min() > 0.05
    assert (contrast[100:] < 0.05).sum() > 20


@pytest.mark.parametrize(
    "array", [np.zeros((200, 25, 24)), np.zeros((200, 25, 25), dtype=np.uint8), np.full((200, 25, 25), 1.5)]
)
def test_lfw_faces_of_another_form(tmp_path, array):
    path = tmp_path / "faces.npy"
    np.save(path, array)
    with pytest.raises(DataError, match=r"expected \(200, 25, 25\) floats from 0 to 1"):
        load("lfw_faces", path=str(path))


def test_fashion_mnist_from_a_folder(idx_folder):
    (X, Y), (X_test, Y_test) = load("fashion_mnist", path=str(idx_folder), scale="none")
    assert X.shape == (12, 12)
    assert X_test.shape == (5, 12)
    assert Y.tolist() == [*range(10), 0, 1]
    assert Y_test.tolist() == [0, 1, 2, 3, 4]
    stored = np.random.default_rng(0).integers(0, 256, (12, 4, 3), dtype=np.uint8)
    assert np.array_equal(X.reshape(12, 4, 3), stored)
    (images, rows), _ = load("fashion_mnist", path=str(idx_folder), flatten=False, one_hot=True)
    assert images.shape == (12, 1, 4, 3)
    assert np.array_equal(images[:, 0], stored / np.float32(255))
    assert rows.shape == (12, 10)


def test_fashion_mnist_takes_the_first_samples(idx_folder):
    (X, Y), (X_test, _) = load("fashion_mnist", path=str(idx_folder), n_train=3, n_test=2)
    assert len(X) == 3
    assert Y.tolist() == [0, 1, 2]
    assert len(X_test) == 2
    with pytest.raises(DataError, match="has 12 entries, 13 were asked for"):
        load("fashion_mnist", path=str(idx_folder), n_train=13)


def test_fashion_mnist_shuffles_images_with_their_labels(idx_folder):
    (X, Y), _ = load("fashion_mnist", path=str(idx_folder))
    (mixed, labels), _ = load("fashion_mnist", path=str(idx_folder), shuffle=True, seed=1)
    pairs = {(x.tobytes(), int(y)) for x, y in zip(X, Y, strict=True)}
    assert {(x.tobytes(), int(y)) for x, y in zip(mixed, labels, strict=True)} == pairs
    assert not np.array_equal(mixed, X)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("t10k-labels-idx1-ubyte.gz", (4,), r"t10k files with images of shape \(5, 4, 3\) and 4 labels"),
        ("train-images-idx3-ubyte", (12, 4, 0), r"train files with images of shape \(12, 4, 0\)"),
        ("train-images-idx3-ubyte", (12, 3, 4), r"training images of shape .*test images of shape"),
    ],
)
def test_fashion_mnist_of_files_that_do_not_fit(idx_folder, idx_bytes, name, shape, message):
    (idx_folder / name).write_bytes(idx_bytes(np.zeros(shape, dtype=np.uint8)))
    with pytest.raises(DataError, match=message):
        load("fashion_mnist", path=str(idx_folder))


def test_fashion_mnist_with_more_classes_than_ten(idx_folder, idx_bytes):
    (idx_folder / "train-labels-idx1-ubyte").write_bytes(idx_bytes(np.arange(12, dtype=np.uint8) + 30))
    (_, rows), (_, rows_test) = load("fashion_mnist", path=str(idx_folder), one_hot=True)
    assert rows.shape == (12, 42)
    assert rows_test.shape == (5, 42)


def test_fashion_mnist_says_what_is_missing(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="has neither train-images-idx3-ubyte nor train-images"):
        load("fashion_mnist", path=str(tmp_path))
    monkeypatch.setattr(images.FashionMNIST, "folder", str(tmp_path))
    with pytest.raises(MissingDependencyError, match="apt-get install dataset-fashion-mnist"):
        load("fashion_mnist")


@pytest.mark.skipif(
    not Path(images.FashionMNIST.folder).is_dir(),
    reason="the Debian package dataset-fashion-mnist is not installed",
)
def test_the_real_fashion_mnist():
    (X, Y), (X_test, Y_test) = load("fashion_mnist")
    assert X.shape == (60000, 784)
    assert X_test.shape == (10000, 784)
    assert X.dtype == np.float32
    assert (X.min(), X.max()) == (0, 1)
    assert counts(Y) == [6000] * 10
    assert counts(Y_test) == [1000] * 10
    # The published mean and deviation of the training images.
    assert abs(float(X.mean(dtype=np.float64)) - 0.2860) < 1e-4
    assert abs(float(X.std(dtype=np.float64)) - 0.3530) < 1e-4
