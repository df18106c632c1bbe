"""The facts of convolution and pooling that every tutorial tells, one by one."""

import time

import numpy as np
import pytest

from npdl_core import Model, registry
from npdl_core.errors import ShapeError


def layer(name, shape, **config):
    made = registry.get("layers", name, **config)
    made.dtype, made.rng = "float64", np.random.default_rng(0)
    return made.connect((None, *shape))


def convolution(shape, size, filters=1, **config):
    return layer(
        "convolution", shape, nb_filter=filters, filter_size=size, **{"activation": "linear", **config}
    )


CURVE = ([1, 2, 3, 4, 5], [5, 4, 3, 3, 3])


def test_a_5_by_5_by_3_filter_multiplies_75_times_at_each_of_784_positions():
    found = convolution((3, 32, 32), 5)
    assert found.W.size == 75
    assert found.forward(np.zeros((1, 3, 32, 32))).size == 784


@pytest.mark.parametrize("filters", [1, 2, 3])
def test_the_output_is_as_deep_as_there_are_filters(filters):
    assert convolution((3, 32, 32), 5, filters).out_shape == (None, filters, 28, 28)


def test_a_colour_photograph_of_480_by_480():
    assert convolution((3, 480, 480), 3, 2, padding="same").out_shape == (None, 2, 480, 480)


@pytest.mark.parametrize(
    ("size", "kernel", "padding", "stride"), [(32, 5, 2, 1), (9, 3, 0, 2), (11, 5, 1, 4)]
)
def test_output_size_is_w_minus_k_plus_2p_over_s_plus_1(size, kernel, padding, stride):
    found = convolution((1, size, size), kernel, padding=padding, stride=stride)
    assert found.out_shape[2] == (size - kernel + 2 * padding) / stride + 1


@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
def test_same_padding_at_stride_1_is_half_of_k_minus_1(kernel):
    same = convolution((2, 9, 8), kernel, padding="same")
    given = convolution((2, 9, 8), kernel, padding=(kernel - 1) // 2)
    x = np.random.default_rng(0).normal(size=(2, 2, 9, 8))
    assert same.out_shape == (None, 1, 9, 8)
    assert np.array_equal(same.forward(x), given.forward(x))


def test_a_7_by_7_input_under_a_3_by_3_filter():
    sizes = [convolution((1, 7, 7), 3, stride=stride).out_shape[2] for stride in (1, 2, 3)]
    assert sizes == [5, 3, 2]
    assert "left out" in type(convolution((1, 7, 7), 3)).__doc__


def test_32_with_a_padding_of_2_is_a_volume_of_36():
    found = convolution((3, 32, 32), 5, padding=2)
    assert found.out_shape[2:] == (32, 32)
    with pytest.raises(ShapeError, match="a window of 37 does not fit into 32 \\+ 4"):
        convolution((3, 32, 32), 37, padding=2)


def test_the_curve_detector_answers_6600_to_its_curve_and_0_elsewhere():
    detector, back = convolution((1, 7, 7), 7), np.zeros((1, 1, 7, 7))
    detector.W[0, 0][CURVE] = 30
    detector.W[0, 0][detector.W[0, 0] != 30] = 0
    back[0, 0][CURVE] = [50, 50, 50, 20, 50]
    assert detector.forward(back).item() == 6600
    assert detector.forward(np.where(back > 0, 0, 50.0)).item() == 0


@pytest.mark.parametrize(
    ("name", "expected"), [("max_pooling", 4), ("mean_pooling", 2.5), ("l2_pooling", np.sqrt(30))]
)
def test_three_kinds_of_pooling(name, expected):
    pooled = layer(name, (1, 2, 2), pool_size=2).forward(np.array([[[[1.0, 2.0], [3.0, 4.0]]]]))
    np.testing.assert_allclose(pooled.item(), expected)


@pytest.mark.parametrize("name", ["max_pooling", "mean_pooling", "l2_pooling"])
def test_2_by_2_pooling_removes_three_quarters_and_keeps_the_depth(name):
    pool = layer(name, (12, 28, 28), pool_size=2)
    assert pool.stride == (2, 2)
    assert pool.out_shape == (None, 12, 14, 14)


def test_the_gradient_of_the_norm_is_x_over_norm_and_zero_at_zero():
    pool = layer("l2_pooling", (1, 2, 4), pool_size=2)
    x = np.array([[[[3.0, 4.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]]])
    pool.forward(x)
    grad = pool.backward(np.ones((1, 1, 1, 2)))
    np.testing.assert_allclose(grad, x / 5)


def test_dropout_acts_in_training_only():
    drop = layer("dropout", (1, 8, 8), p=0.5)
    x = np.ones((2, 1, 8, 8))
    assert np.array_equal(drop.forward(x, train=False), x)
    assert (drop.forward(x, train=True) == 0).any()


def test_relu_follows_every_convolution():
    found = registry.get("layers", "convolution", nb_filter=2, filter_size=3)
    assert type(found.activation).__name__ == "ReLU"
    assert found.connect((None, 1, 5, 5)).forward(np.full((1, 1, 5, 5), -1.0)).min() >= 0


def test_a_1_by_1_convolution_spans_the_depth():
    found = convolution((6, 4, 5), 1, 2)
    assert found.W.shape == (2, 6, 1, 1)
    x = np.random.default_rng(0).normal(size=(1, 6, 4, 5))
    expected = np.tensordot(found.W[:, :, 0, 0], x[0], 1)
    np.testing.assert_allclose(found.forward(x)[0], expected, atol=1e-12)


def test_the_softmax_read_out_is_class_3_at_75_percent():
    read = np.array([[0, 0.1, 0.1, 0.75, 0, 0, 0, 0, 0, 0.05]])
    softmax = registry.get("activations", "softmax")
    found = softmax(np.log(read + 1e-30))
    assert found.argmax() == 3
    np.testing.assert_allclose(found[0, 3], 0.75)


def test_an_untrained_network_gives_each_of_ten_classes_a_tenth():
    model = Model(seed=0)
    model.add("convolution", nb_filter=4, filter_size=3, input_shape=(1, 28, 28))
    model.add("max_pooling", pool_size=2)
    model.add("flatten")
    model.add("softmax", n_out=10)
    model.compile("scce", "sgd")
    found = model.predict(np.random.default_rng(0).uniform(0, 0.3, (20, 1, 28, 28)))
    np.testing.assert_allclose(found.mean(axis=0), 0.1, atol=0.06)


def test_the_label_of_digit_3_is_one_hot_at_3():
    from npdl_core.utils import one_hot

    assert one_hot(np.array([3]), 10).tolist() == [[0, 0, 0, 1, 0, 0, 0, 0, 0, 0]]


def test_one_update_is_w_minus_lr_times_the_gradient():
    model = Model(seed=0, dtype="float64")
    model.add("convolution", nb_filter=2, filter_size=3, activation="tanh", input_shape=(1, 6, 6))
    model.add("flatten")
    model.add("softmax", n_out=3)
    model.compile("scce", {"name": "sgd", "config": {"lr": 0.25}})
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 1, 6, 6)), rng.integers(0, 3, 4)
    model.train_on_batch(x, y)
    first = model.layers[0]
    before = first.W.copy()
    model.train_on_batch(x, y)
    np.testing.assert_allclose(first.W, before - 0.25 * first.dW, atol=1e-12)


def test_delta_is_the_full_convolution_with_the_filter_turned_by_180_degrees():
    found = convolution((1, 6, 5), 3)
    rng = np.random.default_rng(0)
    found.forward(rng.normal(size=(1, 1, 6, 5)))
    delta = rng.normal(size=(1, 1, 4, 3))
    wide, turned = np.pad(delta[0, 0], 2), found.W[0, 0, ::-1, ::-1]
    full = [[(wide[i : i + 3, j : j + 3] * turned).sum() for j in range(5)] for i in range(6)]
    np.testing.assert_allclose(found.backward(delta)[0, 0], full, atol=1e-12)


def test_the_gradient_of_the_filter_is_delta_correlated_with_the_input():
    found = convolution((1, 6, 5), 3)
    rng = np.random.default_rng(0)
    x, delta = rng.normal(size=(1, 1, 6, 5)), rng.normal(size=(1, 1, 4, 3))
    found.forward(x)
    found.backward(delta)
    expected = [[(x[0, 0, u : u + 4, v : v + 3] * delta[0, 0]).sum() for v in range(3)] for u in range(3)]
    np.testing.assert_allclose(found.dW[0, 0], expected, atol=1e-12)


def test_the_mean_squared_error_of_the_tutorial_is_half_the_square():
    mse = registry.get("objectives", "mse")
    assert mse.forward(np.array([[0.2]]), np.array([[1.0]])) == pytest.approx(0.8**2 / 2)


def test_n25_options_that_numpydl_lacks_and_no_loop_over_positions():
    found = layer(
        "convolution",
        (4, 28, 28),
        nb_filter=8,
        filter_size=(3, 2),
        stride=(2, 1),
        padding=(1, 0),
        dilation=(1, 2),
        groups=2,
    )
    start = time.perf_counter()
    found.backward(found.forward(np.zeros((32, 4, 28, 28))))
    assert found.out_shape == (None, 8, 14, 26)
    assert time.perf_counter() - start < 2  # NumpyDL's loops take minutes
