"""Fully connected layers, by numbers."""

import numpy as np
import pytest

from npdl_core.errors import ConfigError, MissingShapeError, ShapeError, StateError
from npdl_core.layers import Dense, Embedding, Linear, Softmax, TiedDense

W = np.array([[1.0, 2.0, 0.0], [0.0, -1.0, 1.0]])
X = np.array([[1.0, 2.0], [3.0, 0.0]])
G = np.array([[1.0, 0.0, 2.0], [0.0, 1.0, 1.0]])


def connected(layer, shape=(None, 2)):
    layer.dtype = "float64"
    return layer.connect(shape)


def test_linear_by_numbers():
    layer = connected(Linear(3, init=W))
    layer.b = [0.5, 0.0, -1.0]
    np.testing.assert_array_equal(layer.forward(X), [[1.5, 0.0, 1.0], [3.5, 6.0, -1.0]])
    np.testing.assert_array_equal(layer.backward(G), [[1.0, 2.0], [2.0, 0.0]])
    np.testing.assert_array_equal(layer.dW, [[1.0, 3.0, 5.0], [2.0, 0.0, 4.0]])
    np.testing.assert_array_equal(layer.db, [1.0, 1.0, 3.0])


def test_n05_bias_and_weights_are_summed_over_the_batch_alike():
    """NumpyDL's db was a mean beside a summed dW: 1/N of the derivative."""
    layer = connected(Dense(3, init=W, activation="tanh"))
    rng = np.random.default_rng(0)
    x, g = rng.normal(0, 1, (5, 2)), rng.normal(0, 1, (5, 3))
    delta = g * (1 - layer.forward(x) ** 2)
    layer.backward(g)
    np.testing.assert_allclose(layer.db, delta.sum(axis=0), rtol=1e-14)
    np.testing.assert_allclose(layer.dW, x.T @ delta, rtol=1e-14)
    ones = np.ones((5, 1))
    np.testing.assert_allclose(layer.db, (ones.T @ delta)[0], rtol=1e-14)  # the bias is the weight of a one


@pytest.mark.parametrize(("layer", "function"), [(Dense(3), np.tanh), (Linear(3), lambda z: z)])
def test_activations(layer, function):
    connected(layer)
    np.testing.assert_allclose(layer.forward(X, train=False), function(X @ layer.W + layer.b), rtol=1e-14)


def test_softmax_rows_sum_to_one():
    layer = connected(Softmax(3, init=W))
    y = layer.forward(X, train=False)
    np.testing.assert_allclose(y.sum(axis=1), 1, rtol=1e-14)
    np.testing.assert_allclose(np.log(y[:, 0] / y[:, 1]), (X @ W)[:, 0] - (X @ W)[:, 1], rtol=1e-12)
    np.testing.assert_allclose(layer.forward(1e4 * X, train=False)[1], [0, 1, 0])


def test_any_rank():
    layer = connected(Dense(3), (None, 4, 5, 2))
    x = np.random.default_rng(0).normal(0, 1, (6, 4, 5, 2))
    np.testing.assert_allclose(layer.forward(x)[3, 2], np.tanh(x[3, 2] @ layer.W), rtol=1e-14)
    assert layer.out_shape == (None, 4, 5, 3)


def test_without_bias():
    layer = connected(Dense(3, use_bias=False))
    assert [p.shape for p in layer.params] == [(2, 3)]
    assert not hasattr(layer, "b")


def test_first_layer_with_n_in():
    layer = Dense(3, n_in=2)
    layer.connect_to()
    assert layer.W.shape == (2, 3)
    assert layer.W.dtype == "float32"


def test_training_reuses_arrays_and_inference_does_not():
    layer = connected(Dense(3))
    first = layer.forward(X)
    assert np.shares_memory(layer.forward(X), first)
    assert not np.shares_memory(layer.forward(X, train=False), first)


def test_what_is_refused():
    with pytest.raises(MissingShapeError, match="n_in"):
        Dense(3).connect_to()
    with pytest.raises(MissingShapeError, match="W needs shape"):
        Dense(3).connect((None, None))
    with pytest.raises(ShapeError, match="n_in=4"):
        Dense(3, n_in=4).connect((None, 2))
    with pytest.raises(ShapeError, match="given values have shape"):
        Dense(4, init=W).connect((None, 2))
    with pytest.raises(StateError, match="training forward"):
        connected(Dense(3)).backward(G)


@pytest.mark.parametrize(
    "config",
    [
        {"n_out": 0},
        {"n_out": True},
        {"n_out": "3"},
        {"n_out": 3.0},
        {"n_out": 3, "n_in": 0},
        {"n_out": 3, "use_bias": 1},
        {"n_out": 3, "activation": "never heard of"},
        {"n_out": 3, "init": "never heard of"},
    ],
)
def test_arguments_out_of_range(config):
    with pytest.raises(ValueError, match=r".") as caught:
        Dense(**config)
    assert isinstance(caught.value, (ConfigError, KeyError))


# -- tied_dense ----------------------------------------------------------------------------------------------


def pair(**config):
    source = Linear(3, init=W, use_bias=False)
    return connected(source), connected(TiedDense(source, **config), (None, 3))


def test_tied_dense_is_the_transpose():
    source, tied = pair()
    y = source.forward(X)
    np.testing.assert_allclose(tied.forward(y), y @ W.T, rtol=1e-14)
    assert tied.W is source.W
    assert tied.dW is source.dW
    g = np.array([[1.0, 2.0], [0.0, 1.0]])
    np.testing.assert_allclose(tied.backward(g), g @ W, rtol=1e-14)
    np.testing.assert_allclose(tied.dW, g.T @ y, rtol=1e-14)
    np.testing.assert_array_equal(tied.db, [1.0, 3.0])


def test_tied_dense_without_bias_and_as_first_layer():
    _, tied = pair(use_bias=False, activation="tanh")
    x = np.ones((1, 3))
    np.testing.assert_allclose(tied.forward(x), np.tanh(x @ W.T), rtol=1e-14)
    tied.first_layer = True
    assert tied.backward(np.ones((1, 2))) is None
    np.testing.assert_allclose(tied.dW, (1 - np.tanh(x @ W.T) ** 2).T @ x, rtol=1e-14)


def test_tied_dense_skips_its_activation():
    _, tied = pair(activation="softmax")
    assert tied.ends_with == "softmax"
    x, g = np.ones((2, 3)), np.array([[1.0, 2.0], [0.0, 1.0]])
    tied.forward(x)
    np.testing.assert_allclose(tied.backward(g, skip_activation=True), g @ W, rtol=1e-14)


def test_tied_to_what_is_not_trained():
    source = Embedding(embed_words=np.eye(3), static=True)
    source.dtype = "float64"
    tied = connected(TiedDense(source.connect((None, 2))), (None, 2, 3))
    tied.forward(np.ones((1, 2, 3)))
    tied.backward(np.ones((1, 2, 3)))
    assert [p.shape for p in tied.params] == [(3,)]
    np.testing.assert_array_equal(tied.db, [2, 2, 2])


def test_what_tied_dense_refuses():
    with pytest.raises(ConfigError, match="not a name"):
        TiedDense("embedding")
    source, _ = pair()
    with pytest.raises(ShapeError, match="do not fit the shared W"):
        TiedDense(source).connect((None, 2))
