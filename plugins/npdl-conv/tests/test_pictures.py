"""Pictures of filters, maps and what excites them, and the commands that draw them."""

import sys

import numpy as np
import pytest

import npdl_core
from npdl_conv import pictures
from npdl_core import Model
from npdl_core.errors import ConfigError, DataError, MissingDependencyError


def network(first=(), **convolution):
    config = {"nb_filter": 3, "filter_size": 3, "activation": "relu"} | convolution
    model = Model(seed=0)
    for name in first:
        model.add(name)
    model.add("convolution", **config)
    model.add("max_pooling", pool_size=2)
    model.add("flatten")
    model.add("softmax", n_out=2)
    model.compile("scce", "sgd")
    model.connect((None, 1, 9, 8))
    return model


@pytest.fixture
def image():
    return np.random.default_rng(0).normal(size=(1, 9, 8)).astype("float32")


def test_filters_and_maps_are_the_models(image):
    model = network()
    assert pictures.filters(model).tolist() == model.layers[0].W.tolist()
    maps = model.layers[0].forward(image[None], train=False)
    np.testing.assert_array_equal(pictures.activations(model, image, 0)[:, 0], maps[0])
    assert pictures.activations(model, image).shape == (3, 1, 3, 3)


@pytest.mark.parametrize("config", [{}, {"padding": "same"}, {"stride": 2, "padding": 1}, {"padding": 4}])
def test_the_deconvolution_draws_the_strongest_window_of_each_map(config, image):
    model = network(**config)
    conv = model.layers[0]
    conv.first_layer = False
    drawn = pictures.deconvolution(model, image)
    assert drawn.shape == (3, 1, 9, 8)
    maps = conv.forward(image[None])  # the picture is the gradient of the map's maximum, times that maximum
    for index, picture in enumerate(drawn):
        pooled = pictures.activations(model, image)[index, 0]
        seed = np.zeros_like(maps)
        covered = maps[0, index, : 2 * pooled.shape[0], : 2 * pooled.shape[1]]
        seed[0, index][np.unravel_index(covered.argmax(), covered.shape)] = pooled.max()
        conv.activation = npdl_core.registry.get("activations", "linear")
        np.testing.assert_allclose(picture, conv.backward(seed)[0], atol=1e-6)


def test_what_cannot_be_drawn(image):
    with pytest.raises(ConfigError, match="cannot be undone"):
        pictures.deconvolution(network(first=("identity",)), image)
    with pytest.raises(ConfigError, match="these have: 0, 1"):
        pictures.activations(network(), image, 2)
    with pytest.raises(DataError, match=r"\(1, 9, 7\).*\(1, 9, 8\)"):
        pictures.activations(network(), image[:, :, :7])
    dense = Model([npdl_core.registry.get("layers", "dense", n_out=2)], seed=0)
    dense.compile("mse", "sgd")
    dense.connect((None, 3))
    with pytest.raises(ConfigError, match="no convolution"):
        pictures.filters(dense)
    with pytest.raises(ConfigError, match="no layer whose output are maps"):
        pictures.activations(dense, image)


def test_without_matplotlib_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingDependencyError, match="pip install matplotlib"):
        pictures.figure(np.zeros((1, 1, 2, 2)))


def test_commands_save_pngs(image, tmp_path):
    pytest.importorskip("matplotlib")
    click_testing = pytest.importorskip("click.testing")
    make_command = pytest.importorskip("npdl_cli.main").make_command
    network().save(tmp_path / "model.safetensors")
    np.save(tmp_path / "images.npy", image[None])
    run = click_testing.CliRunner().invoke
    for name, further in (
        ("filters", []),
        ("activations", ["images.npy"]),
        ("deconvolution", ["images.npy"]),
    ):
        arguments = [str(tmp_path / argument) for argument in ("model.safetensors", *further)]
        done = run(make_command(), ["plot", name, *arguments])
        assert done.exit_code == 0, done.output
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        if further:
            failed = run(make_command(), ["plot", name, *arguments, "--index", "1"])
            assert "there is no image 1" in failed.output
            assert failed.exit_code != 0


def test_pictures_of_three_channels_have_colours():
    pytest.importorskip("matplotlib")
    drawn = pictures.figure(np.random.default_rng(0).normal(size=(2, 3, 4, 5)))
    assert [axes.images[0].get_array().shape for axes in drawn.axes] == [(4, 5, 3)] * 2
