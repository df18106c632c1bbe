"""NumpyDL's defects gone, facts of the convolution tutorials, a slow loop version, and errors."""

import numpy as np
import pytest

from npdl_conv import Convolution
from npdl_conv.layers.pooling import MaxPooling, MeanPooling
from npdl_core import Model, registry
from npdl_core.errors import ConfigError, NpdlError, ShapeError


def connected(layer, shape, dtype="float64"):
    layer.dtype, layer.rng = dtype, np.random.default_rng(0)
    return layer.connect((None, *shape[1:]))


def slow(x, W, b, stride, pad):
    """Cross-correlate by loops."""
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    (n, _, h, w), (f, _, kh, kw) = x.shape, W.shape
    out = np.zeros((n, f, (h - kh) // stride + 1, (w - kw) // stride + 1))
    for image, filter_, i, j in np.ndindex(*out.shape):
        window = x[image, :, i * stride : i * stride + kh, j * stride : j * stride + kw]
        out[image, filter_, i, j] = (window * W[filter_]).sum() + b[filter_]
    return out


@pytest.mark.parametrize(
    ("stride", "pad", "size"), [(1, 0, (3, 2)), (2, 1, (2, 2)), (3, 2, (5, 4)), (1, 0, (1, 1))]
)
def test_convolution_equals_loops(stride, pad, size):
    x = np.random.default_rng(1).normal(size=(2, 3, 7, 6))
    layer = connected(Convolution(4, size, stride=stride, padding=pad, activation="linear"), x.shape)
    layer.b = np.arange(4.0)
    np.testing.assert_allclose(layer.forward(x), slow(x, layer.W, layer.b, stride, pad), atol=1e-12)


def test_n06_filters_and_biases_get_sums_not_means_over_the_batch():
    x = np.random.default_rng(1).normal(size=(3, 2, 5, 5))
    layer = connected(Convolution(2, 3, activation="linear"), x.shape)
    grad = np.ones_like(layer.forward(x))
    layer.backward(grad)
    assert layer.db.tolist() == [27.0, 27.0]  # three images of 3 by 3 maps
    one = connected(Convolution(2, 3, activation="linear"), x.shape)
    total = np.zeros_like(layer.dW)
    for image in x:
        one.forward(image[None])
        one.backward(grad[:1])
        total += one.dW
    np.testing.assert_allclose(layer.dW, total)


def test_n08_windows_do_not_overlap_unless_asked_to():
    x = np.arange(16.0).reshape(1, 1, 4, 4)
    assert MaxPooling(2).connect((None, 1, 4, 4)).forward(x)[0, 0].tolist() == [[5, 7], [13, 15]]
    assert MeanPooling(2).connect((None, 1, 4, 4)).forward(x)[0, 0].tolist() == [[2.5, 4.5], [10.5, 12.5]]


def test_n09_the_gradient_goes_to_each_images_own_maximum():
    x = np.zeros((3, 1, 2, 2))
    x[0, 0, 0, 0] = x[1, 0, 1, 1] = x[2, 0, 0, 1] = 1  # more images than output rows
    layer = MaxPooling(2).connect((None, 1, 2, 2))
    layer.forward(x)
    grad = layer.backward(np.array([1.0, 2.0, 3.0]).reshape(3, 1, 1, 1))
    assert grad.tolist() == (x * np.array([1.0, 2.0, 3.0]).reshape(3, 1, 1, 1)).tolist()


def test_ties_give_the_gradient_to_the_first():
    layer = MaxPooling(2).connect((None, 1, 2, 2))
    layer.forward(np.ones((1, 1, 2, 2)))
    assert layer.backward(np.ones((1, 1, 1, 1)))[0, 0].tolist() == [[1, 0], [0, 0]]


@pytest.mark.parametrize(
    ("size", "config", "out"),
    [
        (32, {"filter_size": 5}, 28),
        (32, {"filter_size": 5, "padding": 2}, 32),
        (7, {"filter_size": 3}, 5),
        (7, {"filter_size": 3, "stride": 2}, 3),
        (7, {"filter_size": 3, "stride": 3}, 2),  # 2.33 windows: what does not fit is left out
        (8, {"filter_size": 3, "padding": "same"}, 8),
        (7, {"filter_size": 4, "padding": "same", "stride": 2}, 4),
    ],
)
def test_output_sizes(size, config, out):
    layer = Convolution(2, **config).connect((None, 3, size, size))
    assert layer.out_shape == (None, 2, out, out)
    assert layer.forward(np.zeros((1, 3, size, size), "float32")).shape == (1, 2, out, out)


def test_a_filter_is_as_deep_as_its_input():
    assert Convolution(1, 5).connect((None, 3, 32, 32)).W.size == 75


def test_pooling_keeps_the_depth_and_a_quarter_of_the_activations():
    assert MaxPooling(2).connect((None, 16, 28, 28)).out_shape == (None, 16, 14, 14)


def test_pooling_of_sequences_as_mean_over_time():
    x = np.random.default_rng(0).normal(size=(2, 5, 3))
    np.testing.assert_allclose(MeanPooling((5, 1)).connect(x.shape).forward(x)[:, 0], x.mean(axis=1))


@pytest.mark.parametrize("declared", [(3, 8, 8), (10, 3, 8, 8), (None, 3, 8, 8)])
def test_input_shape_with_or_without_the_batch_axis(declared):
    layer = Convolution(2, (3, 3), input_shape=declared)
    layer.connect_to()
    assert layer.out_shape[1:] == (2, 6, 6)


def test_one_by_one_convolution_is_the_matrix_product():
    x = np.random.default_rng(0).normal(size=(2, 5, 3, 4))
    layer = connected(Convolution(7, 1, activation="linear"), x.shape)
    np.testing.assert_allclose(
        layer.forward(x), np.einsum("nchw,fc->nfhw", x, layer.W[:, :, 0, 0]), atol=1e-12
    )


@pytest.mark.parametrize(
    ("name", "config", "shape", "words"),
    [
        ("convolution", {"nb_filter": 2, "filter_size": 5}, (None, 3, 4, 9), ("axis 2", "5", "4")),
        ("convolution", {"nb_filter": 2, "filter_size": 3}, (None, 3), ("4 axes",)),
        (
            "convolution",
            {"nb_filter": 4, "filter_size": 3, "groups": 2},
            (None, 3, 8, 8),
            ("groups=2", "3 channels"),
        ),
        ("max_pooling", {"pool_size": 3}, (None, 1, 2, 8), ("axis 2", "3", "2")),
        ("cropping", {"size": 2}, (None, 1, 4, 9), ("axis 2", "leaves nothing")),
        (
            "transposed_convolution",
            {"nb_filter": 1, "filter_size": 1, "padding": 3},
            (None, 1, 4, 4),
            ("axis 2",),
        ),
        ("global_mean_pooling", {}, (None, 4), ("spatial",)),
        ("upsampling", {"n_axes": 3}, (None, 4, 4), ("3 axes",)),
        ("max_pooling", {"pool_size": [2, 2, 2]}, (None, 4, 4), ("last 3 axes",)),
        ("zero_padding", {"n_axes": 3}, (None, 4, 4), ("3 axes",)),
        ("max_unpooling", {"pool_size": 2}, (None, 1, 2, 2), ("two inputs",)),
        ("max_unpooling", {"pool_size": 2}, [(None, 1, 3, 2), (None, 1, 4, 4)], ("(None, 1, 2, 2)", "3")),
        ("depthwise", {"filter_size": 2}, (None, None, 4, 4), ("channels must be known",)),
        ("depthwise", {"filter_size": 5}, (None, 2, 4, 4), ("axis 2", "5", "4")),
        ("group_norm", {"groups": 2}, (None, 3, 4), ("groups=2", "3 channels")),
        ("group_norm", {"groups": 2}, (None, None, 4), ("channels must be known",)),
        ("group_norm", {"groups": 2}, (None,), ("(N, C, …)",)),
        ("instance_norm", {}, (None, 4), ("spatial",)),
    ],
)
def test_impossible_shapes_name_axis_and_numbers(name, config, shape, words):
    with pytest.raises(ShapeError) as caught:
        registry.get("layers", name, **config).connect(shape)
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize(
    "config",
    [
        {"nb_filter": 0, "filter_size": 3},
        {"nb_filter": 2, "filter_size": (3, 3, 3)},
        {"nb_filter": 2, "filter_size": 3, "stride": 0},
        {"nb_filter": 2, "filter_size": 3, "padding": "full"},
        {"nb_filter": 2, "filter_size": 3, "padding": -1},
        {"nb_filter": 3, "filter_size": 3, "groups": 2},
        {"nb_filter": 2, "filter_size": True},
    ],
)
def test_bad_arguments_are_config_errors(config):
    with pytest.raises(ConfigError):
        registry.get("layers", "convolution", **config)


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("max_pooling", {"pool_size": 2, "padding": 2}),
        ("max_pooling", {"pool_size": [2, 2, 2, 2]}),
        ("mean_pooling", {"pool_size": 2, "padding": "same"}),
        ("l2_pooling", {"pool_size": 2, "p": 0.5}),
        ("zero_padding", {"size": "same"}),
        ("transposed_convolution", {"nb_filter": 2, "filter_size": 2, "output_padding": 1}),
        ("transposed_convolution", {"nb_filter": 2, "filter_size": 2, "padding": "same"}),
        ("transposed_convolution", {"nb_filter": 3, "filter_size": 2, "groups": 2}),
        ("upsampling", {"mode": "cubic"}),
        ("depthwise", {"filter_size": 2, "multiplier": 0}),
        ("group_norm", {"groups": 0}),
        ("local_response_norm", {"k": 0}),
    ],
)
def test_bad_arguments_of_the_others(name, config):
    with pytest.raises(ConfigError):
        registry.get("layers", name, **config)


def test_channels_must_divide_for_the_transpose_too():
    layer = registry.get("layers", "transposed_convolution", nb_filter=2, filter_size=2, groups=2)
    with pytest.raises(ShapeError, match="3 channels"):
        layer.connect((None, 3, 4, 4))
    with pytest.raises(ShapeError, match="4 axes"):
        layer.connect((None, 3, 4))
    declared = registry.get(
        "layers", "transposed_convolution", nb_filter=2, filter_size=2, input_shape=(3, 4, 4)
    )
    assert declared.declared_input_shape() == (None, 3, 4, 4)


def test_a_depthwise_layer_connects_again_to_other_channels():
    layer = registry.get("layers", "depthwise", filter_size=2)
    assert layer.connect((None, 3, 4, 4)).W.shape == (3, 1, 2, 2)
    assert layer.clone().connect((None, 5, 4, 4)).W.shape == (5, 1, 2, 2)


def test_values_of_overlapping_windows_add_up_where_they_share_a_maximum():
    layer = registry.get("layers", "max_unpooling", pool_size=[2], stride=1)
    layer.connect([(None, 1, 2), (None, 1, 3)])
    seen, values = np.array([[[0.0, 9.0, 0.0]]]), np.array([[[2.0, 3.0]]])
    assert layer.forward([values, seen]).tolist() == [[[0, 5, 0]]]
    assert layer.backward(np.array([[[1.0, 7.0, 1.0]]]))[0].tolist() == [[[7, 7]]]


def test_a_first_separable_layer_gives_no_gradient_of_its_input():
    layer = connected(registry.get("layers", "separable", nb_filter=2, filter_size=2), (1, 2, 3, 3))
    layer.first_layer = True
    assert layer.backward(layer.forward(np.ones((1, 2, 3, 3)))) is None
    declared = registry.get("layers", "separable", nb_filter=2, filter_size=2, input_shape=(3, 4, 4))
    assert declared.declared_input_shape() == (None, 3, 4, 4)


def test_a_convolutional_network_learns_where_the_line_is():
    rng = np.random.default_rng(0)
    X = rng.normal(0, 0.3, size=(300, 1, 8, 8)).astype("float32")
    Y = rng.integers(0, 2, 300)
    for image, label in zip(X, Y, strict=True):
        line = rng.integers(0, 8)
        image[0][(line, slice(None)) if label else (slice(None), line)] += 1
    model = Model(seed=0)
    model.add("convolution", nb_filter=6, filter_size=3, padding="same")
    model.add("max_pooling", pool_size=2)
    model.add("flatten")
    model.add("softmax", n_out=2)
    model.compile("scce", {"name": "sgd", "config": {"lr": 0.1, "momentum": 0.9}}, ["accuracy"])
    model.fit(X[:250], Y[:250], epochs=12, batch_size=25)
    assert model.evaluate(X[250:], Y[250:])["accuracy"] > 0.9
    again = Model.from_json(model.to_json())
    assert again.to_json() == model.to_json()
    with pytest.raises(NpdlError):
        model.predict(np.zeros((1, 1, 9, 8)))
