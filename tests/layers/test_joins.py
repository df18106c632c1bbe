"""Layers that join inputs, hand them on, or wrap another layer."""

import numpy as np
import pytest

from npdl_core.errors import ConfigError, MissingShapeError, ShapeError
from npdl_core.layers import (
    ActivationLayer,
    Add,
    Concat,
    Dense,
    Dropout,
    Flatten,
    Identity,
    Input,
    Layer,
    Linear,
    Masking,
    Multiply,
    Regularization,
    Residual,
)

A, B = np.array([[1.0, 2.0]]), np.array([[3.0, -1.0]])
TWO = [(None, 2), (None, 2)]


def test_add():
    layer = Add().connect(TWO)
    np.testing.assert_array_equal(layer.forward([A, B]), [[4.0, 1.0]])
    for grad in layer.backward(np.ones((1, 2))):
        np.testing.assert_array_equal(grad, [[1, 1]])


def test_multiply():
    layer = Multiply().connect([*TWO, (None, 2)])
    np.testing.assert_array_equal(layer.forward([A, B, B]), [[9.0, 2.0]])
    due = [[[9.0, 1.0]], [[3.0, -2.0]], [[3.0, -2.0]]]
    for grad, expected in zip(layer.backward(np.ones((1, 2))), due, strict=True):
        np.testing.assert_array_equal(grad, expected)


def test_multiply_of_one_input():
    layer = Multiply().connect([(None, 2)])
    layer.forward([A])
    np.testing.assert_array_equal(layer.backward(B)[0], B)


@pytest.mark.parametrize("axis", [-1, 1])
def test_concat(axis):
    layer = Concat(axis).connect([(None, 2), (None, 1)])
    assert layer.out_shape == (None, 3)
    np.testing.assert_array_equal(layer.forward([A, B[:, :1]]), [[1.0, 2.0, 3.0]])
    first, second = layer.backward(np.array([[5.0, 6.0, 7.0]]))
    np.testing.assert_array_equal(first, [[5, 6]])
    np.testing.assert_array_equal(second, [[7]])


def test_shapes_of_joins():
    assert Add().connect([(None, None, 2), (None, 4, 2)]).out_shape == (None, 4, 2)
    assert Concat().connect([(None, None), (None, 2)]).out_shape == (None, None)
    assert Concat(1).connect([(None, 2, 5), (None, 3, 5)]).out_shape == (None, 5, 5)


@pytest.mark.parametrize(
    ("layer", "shapes"),
    [
        (Add(), (None, 2)),
        (Add(), []),
        (Add(), [(None, 2), (None, 3)]),
        (Add(), [(None, 2), (None, 2, 2)]),
        (Concat(), [(None, 2, 2), (None, 2)]),
        (Concat(), [(None, 2, 2), (None, 3, 2)]),
        (Concat(0), TWO),
        (Concat(5), TWO),
    ],
)
def test_shapes_that_do_not_fit(layer, shapes):
    with pytest.raises(ShapeError):
        layer.connect(shapes)


def test_masks_of_joins():
    mask, x = np.ones((2, 3), bool), np.ones((2, 3, 4))
    assert Add().connect([(None, 3, 4)] * 2).compute_mask([x, x], mask) is mask
    assert Add().connect(TWO).compute_mask([x[:, 0], x[:, 0]], mask) is None
    assert Add().connect([(None, 3, 4)] * 2).compute_mask([x, x], None) is None
    side_by_side, in_turn = Concat().connect([(None, 3, 4)] * 2), Concat(1).connect([(None, 3, 4)] * 2)
    assert side_by_side.compute_mask([x, x], mask) is mask
    assert in_turn.compute_mask([x, x], mask) is None  # twice as many steps as the mask has


def test_identity_and_activation():
    layer = Identity().connect((None, 2))
    assert layer.forward(A) is A
    assert layer.backward(B) is B
    layer = ActivationLayer("relu").connect((None, 2))
    np.testing.assert_array_equal(layer.forward(B), [[3, 0]])
    np.testing.assert_array_equal(layer.backward(A), [[1, 0]])
    with pytest.raises(KeyError, match="relu"):
        ActivationLayer("rellu")


def test_an_activation_is_skipped():
    layer = ActivationLayer("softmax").connect((None, 2))
    layer.forward(A)
    assert layer.ends_with == "softmax"
    assert layer.backward(B, skip_activation=True) is B


def test_input_declares_a_shape():
    layer = Input((None, 3))
    layer.connect_to()
    assert layer.out_shape == (None, None, 3)
    assert layer.connect((None, 7, 3)).out_shape == (None, 7, 3)
    assert Input((3,), integer=True).integer_input
    for shape in ((None, 4), (None, 3, 3), (None,)):
        with pytest.raises(ShapeError, match="declared shape"):
            Input((3,)).connect(shape)
    for wrong in ("3", 3, (0,), (2.5,), (True,)):
        with pytest.raises(ConfigError, match="shape"):
            Input(wrong)


@pytest.mark.parametrize("layer", [Dropout(0.5), Flatten(), Identity(), ActivationLayer()])
def test_n38_without_a_previous_layer_the_error_is_clear(layer):
    """NumpyDL's dropout, flatten and pooling crashed on ``connect_to(None)``."""
    with pytest.raises(MissingShapeError, match=r"the input shape is not known.*put an input layer first"):
        layer.connect_to(None)


def test_n39_the_message_of_flatten_is_formatted():
    """NumpyDL handed the arguments of the format to ValueError."""
    with pytest.raises(ShapeError) as caught:
        Flatten(4).connect((None, 3))
    assert "outdim=4" in str(caught.value)
    assert "(None, 3)" in str(caught.value)
    assert "%" not in str(caught.value)


def test_flatten():
    x = np.arange(24.0).reshape(2, 3, 4)
    layer = Flatten().connect((None, 3, 4))
    assert layer.out_shape == (None, 12)
    np.testing.assert_array_equal(layer.forward(x), x.reshape(2, 12))
    np.testing.assert_array_equal(layer.backward(x.reshape(2, 12)), x)
    assert Flatten(1).connect((None, 3, 4)).forward(x).shape == (24,)
    assert Flatten().connect((None, None, 4)).out_shape == (None, None)
    assert Flatten().connect((None, 3, 4)).forward(x[:0], train=False).shape == (0, 12)


# -- wrappers ------------------------------------------------------------------------------------------------


def test_residual():
    layer = Residual(Linear(2, init=np.array([[1.0, 0.0], [1.0, 2.0]])))
    layer.dtype = "float64"
    layer.connect((None, 2))
    np.testing.assert_array_equal(layer.forward(A), [[4.0, 6.0]])
    np.testing.assert_array_equal(layer.backward(B), [[6.0, 0.0]])
    with pytest.raises(ShapeError, match="it must keep it"):
        Residual(Dense(3)).connect((None, 2))


def test_residual_around_a_masked_layer():
    layer = Residual(Masking()).connect((None, 3, 1))
    x, mask = np.ones((1, 3, 1)), np.array([[True, False, True]])
    assert layer.accepts_mask
    np.testing.assert_array_equal(layer.forward(x, train=False, mask=mask).ravel(), [2, 1, 2])
    np.testing.assert_array_equal(layer.compute_mask(x, mask), layer.layer.compute_mask(x, mask))


def penalised(**config):
    layer = Regularization(Dense(2, init=np.array([[1.0, -2.0], [0.0, 3.0]]), activation="linear"), **config)
    layer.dtype = "float64"
    layer.connect((None, 2))
    layer.layer.b = [5.0, 5.0]
    return layer


def test_costs_of_weights_and_not_of_biases():
    assert penalised(l1=0.5).cost() == 3.0
    assert penalised(l2=0.5).cost() == 7.0
    assert penalised().cost() == 0.0


def test_gradients_of_costs():
    layer = penalised(l1=0.5, l2=0.25)
    layer.forward(0 * A)
    layer.backward(0 * A)
    np.testing.assert_array_equal(layer.layer.dW, [[1.0, -1.5], [0.0, 2.0]])
    np.testing.assert_array_equal(layer.layer.db, [0, 0])
    layer.backward(0 * A)
    np.testing.assert_array_equal(layer.layer.dW, [[1.0, -1.5], [0.0, 2.0]])


def test_frozen_weights_cost_nothing():
    layer = penalised(l2=1.0)
    layer.trainable = False
    assert layer.cost() == 0


def test_costs_add_up():
    inner = Regularization(Dense(2, init="one", activation="linear"), l2=1.0)
    assert Regularization(inner, l2=1.0).connect((None, 2)).cost() == 8.0


def test_regularization_is_as_its_layer():
    layer = penalised()
    layer.first_layer = True
    layer.forward(A)
    assert layer.backward(A) is None
    assert Regularization(Dense(2, n_in=3)).declared_input_shape() == (None, 3)
    assert Regularization({"name": "softmax", "config": {"n_out": 2}}).ends_with == "softmax"
    masked = Regularization(Masking()).connect((None, 3, 1))
    mask = np.array([[True, False, True]])
    assert masked.forward(np.ones((1, 3, 1)), train=False, mask=mask)[0, 1] == 0
    assert masked.compute_mask(np.ones((1, 3, 1)), mask) is not None
    for wrong in (-1, "1", None):
        with pytest.raises(ConfigError, match="l2"):
            Regularization(Dense(2), l2=wrong)


def test_parameters_that_another_layer_owns_and_does_not_train():
    """A parameter whose gradient is missing has no part in the penalty's gradient."""
    layer = penalised(l2=1.0)
    parameter = layer.layer._parameters["W"]
    parameter.grad = None
    layer.layer.backward = lambda pre_grad: None
    assert layer.backward(A) is None


class Rewarded(Layer):
    """Keeps the reward it is handed."""

    def forward(self, input, train=True):
        return input

    def backward(self, pre_grad):
        return pre_grad

    def reinforce(self, reward):
        self.reward = reward


def test_rewards_reach_inner_layers():
    inner = Rewarded()
    reward = np.ones(3)
    Residual(Regularization(inner)).reinforce(reward)
    assert inner.reward is reward
