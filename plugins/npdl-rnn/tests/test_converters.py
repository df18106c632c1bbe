"""Converters: Keras's layout and equations, errors that change nothing."""

import numpy as np
import pytest

from npdl_core.errors import ConfigError, NotConnectedError, ShapeError, WeightsError
from npdl_core.layers import Dense
from npdl_rnn import GRU, LSTM, Bidirectional, SimpleRNN, converters

D, H = 3, 2


def ready(layer, shape=(None, None, D)):
    layer.dtype = "float64"
    return layer.connect(shape)


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(0, 0.5, shape)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def keras_lstm(x, kernel, recurrent, bias):
    """Keras's LSTM: gates i, f, c, o."""
    h = c = np.zeros((len(x), H))
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ kernel + h @ recurrent + bias, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
    return h


def keras_gru(x, kernel, recurrent, bias):
    """Keras's GRU: gates z, r, h; two biases where it resets after the product."""
    h = np.zeros((len(x), H))
    after = bias.ndim == 2
    for t in range(x.shape[1]):
        xz, xr, xh = np.split(x[:, t] @ kernel + (bias[0] if after else bias), 3, axis=1)
        uz, ur, uh = np.split(recurrent, 3, axis=1)
        bz, br, bh = np.split(bias[1] if after else np.zeros(3 * H), 3)
        z, r = sigmoid(xz + h @ uz + bz), sigmoid(xr + h @ ur + br)
        new = np.tanh(xh + (r * (h @ uh + bh) if after else (r * h) @ uh))
        h = z * h + (1 - z) * new
    return h


@pytest.mark.parametrize(
    ("layer", "equations", "shapes"),
    [
        (LSTM(H), keras_lstm, [(D, 8), (H, 8), (8,)]),
        (GRU(H), keras_gru, [(D, 6), (H, 6), (6,)]),
        (GRU(H, reset_after=True), keras_gru, [(D, 6), (H, 6), (2, 6)]),
    ],
    ids=["lstm", "gru", "gru_after"],
)
def test_keras(layer, equations, shapes):
    layer = ready(layer)
    weights = [draw(*shape, seed=index) for index, shape in enumerate(shapes)]
    converters.from_keras(layer, weights)
    x = draw(4, 6, D)
    np.testing.assert_allclose(layer.forward(x), equations(x, *weights), rtol=1e-12)
    for came, due in zip(converters.to_keras(layer), weights, strict=True):
        np.testing.assert_array_equal(came, due)


def test_keras_bidirectional_and_stacks_are_lists_one_after_the_other():
    layer = ready(Bidirectional(SimpleRNN(H)))
    weights = [draw(*a.shape, seed=i) for i, a in enumerate(converters.to_keras(layer))]
    converters.from_keras(layer, weights)
    np.testing.assert_array_equal(layer.both[1].W, weights[3])
    stack = ready(SimpleRNN(H, num_layers=2))
    assert [a.shape for a in converters.to_keras(stack)] == [(D, H), (H, H), (H,), (H, H), (H, H), (H,)]


def test_everything_wrong_is_said_at_once_and_nothing_changes():
    layer = ready(LSTM(H))
    before = [a.copy() for a in layer.params]
    weights = converters.to_torch(layer)
    weights["weight_ih_l0"] = np.ones((3, 3))
    weights["weight_ih_l1"] = np.ones((3, 3))
    del weights["weight_hh_l0"]
    with pytest.raises(WeightsError) as caught:
        converters.from_torch(layer, weights)
    for part in ("weight_ih_l0 has shape", "weight_ih_l1 is unexpected", "weight_hh_l0 is missing"):
        assert part in str(caught.value)
    with pytest.raises(WeightsError, match="unexpected"):
        converters.from_keras(layer, [*converters.to_keras(layer), np.ones(3)])
    with pytest.raises(WeightsError, match="R is missing"):
        converters.from_onnx(layer, {"W": converters.to_onnx(layer)["W"]})
    with pytest.raises(ShapeError, match="U"):
        converters.set_fused(layer, np.ones((D, 8)), np.ones((5, 8)), np.ones(8))
    for came, due in zip(layer.params, before, strict=True):
        np.testing.assert_array_equal(came, due)


def test_missing_biases_are_zero():
    layer = ready(LSTM(H))
    weights = converters.to_torch(layer)
    converters.from_torch(layer, {k: v for k, v in weights.items() if "bias" not in k})
    assert not layer.b.any()


@pytest.mark.parametrize(
    ("layer", "convert", "match"),
    [
        (lambda: ready(GRU(H)), converters.to_torch, "reset_after"),
        (lambda: ready(LSTM(H, peephole=True)), converters.to_torch, "peephole"),
        (lambda: ready(LSTM(H, peephole=True)), converters.to_keras, "peephole"),
        (lambda: ready(LSTM(H, projection=1)), converters.to_onnx, "projection"),
        (lambda: ready(LSTM(H, num_layers=2)), converters.to_onnx, "one by one"),
        (
            lambda: ready(Bidirectional(LSTM(H, num_layers=2, return_sequence=True))),
            converters.to_torch,
            "level",
        ),
        (lambda: ready(Dense(H), (None, D)), converters.to_torch, "converters know"),
    ],
)
def test_layers_that_others_do_not_have(layer, convert, match):
    with pytest.raises(ConfigError, match=match):
        convert(layer())


def test_layers_without_weights():
    with pytest.raises(NotConnectedError):
        converters.to_torch(LSTM(H))
