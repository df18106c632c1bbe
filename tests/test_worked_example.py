"""The 2-2-2 network of a well-known tutorial, recomputed by hand: every printed digit of each quantity."""

import numpy as np
import pytest

from npdl_core import Model
from npdl_core.layers import Activation, Dense, Layer
from npdl_core.objectives import MeanSquaredError

X = np.array([[0.05, 0.10]])
Y = np.array([[0.01, 0.99]])
W1 = np.array([[0.15, 0.25], [0.20, 0.30]])
W2 = np.array([[0.40, 0.50], [0.45, 0.55]])


def frozen_biases():
    """Return the two layers with biases that stay as they are."""
    return [Dense(2, activation="sigmoid").freeze("b") for _ in range(2)]


def trained_biases():
    return [Dense(2, activation="sigmoid") for _ in range(2)]


def network(layers, dtype="float64"):
    """Return the compiled network with the example's weights; the biases are 0.35 and 0.60."""
    model = Model(layers, seed=0, dtype=dtype).connect((None, 2))
    given = {"W": [W1, W2], "b": [0.35, 0.60]}
    seen = {"W": 0, "b": 0}
    for name, array in model.weights().items():
        kind = name.rpartition(".")[2]
        array[...] = given[kind][seen[kind]]
        seen[kind] += 1
    return model.compile(loss="mse", optimizer={"name": "sgd", "config": {"lr": 0.5}})


def printed(value, digits):
    """Return a number as the tutorial prints it."""
    return f"{value:.{digits}f}"


def agrees(value, text):
    """Compare with all digits that are printed."""
    assert printed(value, len(text.partition(".")[2])) == text


def test_forward():
    model = network(frozen_biases())
    hidden, out = model.layers
    h = hidden.forward(X, train=False)
    agrees((X @ hidden.W + hidden.b)[0, 0], "0.3775")
    agrees(h[0, 0], "0.593269992")
    agrees(h[0, 1], "0.596884378")
    agrees((h @ out.W + out.b)[0, 0], "1.105905967")
    o = model.predict(X)[0]
    agrees(o[0], "0.75136507")
    agrees(o[1], "0.772928465")
    errors = 0.5 * (Y[0] - o) ** 2
    agrees(errors[0], "0.274811083")
    agrees(errors[1], "0.023560026")
    agrees(model.evaluate(X, Y)["loss"], "0.298371109")


def test_misprinted_weight():
    # The tutorial prints 0.88 for w8 in one place; only 0.55 gives its numbers.
    model = network(frozen_biases())
    model.layers[1].W[1, 1] = 0.88
    agrees(model.predict(X)[0, 1], "0.805635047")
    agrees(model.evaluate(X, Y)["loss"], "0.291806301")


def test_gradients():
    model = network(frozen_biases())
    hidden, out = model.layers
    outputs = model.forward(X)
    grad = model.loss.backward(outputs, Y)
    model.backward(grad)
    agrees(outputs[0, 0] * (1 - outputs[0, 0]), "0.186815602")
    delta = grad * outputs * (1 - outputs)
    agrees(delta[0, 0], "0.138498562")
    agrees(delta[0, 1], "-0.038098237")
    agrees(out.dW[0, 0], "0.082167041")
    parts = delta[0] * out.W[0]
    agrees(parts[0], "0.055399425")
    agrees(parts[1], "-0.019049118")
    agrees(parts.sum(), "0.036350306")
    h1 = hidden.forward(X, train=False)[0, 0]
    agrees(h1 * (1 - h1), "0.241300709")
    agrees(hidden.dW[0, 0], "0.000438568")


def test_one_step():
    model = network(frozen_biases())
    logs = model.train_on_batch(X, Y)
    agrees(logs["loss"], "0.298371109")
    hidden, out = model.layers
    # w1, w2 lead into the first hidden unit, w3, w4 into the second: a unit is a column of W.
    for value, text in zip(
        out.W.T.ravel(), ["0.35891648", "0.408666186", "0.511301270", "0.561370121"], strict=True
    ):
        agrees(value, text)
    for value, text in zip(
        hidden.W.T.ravel(), ["0.149780716", "0.199561432", "0.249751144", "0.299502287"], strict=True
    ):
        agrees(value, text)
    assert (hidden.b == 0.35).all()
    assert (out.b == 0.60).all()
    agrees(model.evaluate(X, Y)["loss"], "0.291027774")


def test_ten_thousand_steps():
    model = network(frozen_biases())
    model.fit(X, Y, epochs=9_999)
    agrees(model.evaluate(X, Y)["loss"], "0.0000351085")
    model.train_on_batch(X, Y)
    agrees(model.evaluate(X, Y)["loss"], "0.0000351019")
    o = model.predict(X)[0]
    agrees(o[0], "0.015913620")
    agrees(o[1], "0.984064274")


class OneBias(Layer):
    """Adds one number to all units."""

    def connect_to(self, prev_layer=None):
        self.out_shape = self.single_shape(prev_layer)
        self.add_param("b", (), "zero", decay=False)

    def forward(self, input, train=True):
        return input + self.b

    def backward(self, pre_grad):
        self.db = pre_grad.sum()
        return pre_grad


def one_bias_each_layer():
    return [
        layer
        for _ in range(2)
        for layer in (Dense(2, activation="linear", use_bias=False), OneBias(), Activation("sigmoid"))
    ]


@pytest.mark.parametrize(
    ("layers", "after_one", "after_many", "outputs"),
    [
        (trained_biases, "0.280471447", "0.000002448", ("0.011587527", "0.988458935")),
        (one_bias_each_layer, "0.285750887", "0.000004355", ("0.012102159", "0.987928390")),
    ],
)
def test_trained_biases(layers, after_one, after_many, outputs):
    model = network(layers())
    model.train_on_batch(X, Y)
    agrees(model.evaluate(X, Y)["loss"], after_one)
    model.fit(X, Y, epochs=9_999)
    agrees(model.evaluate(X, Y)["loss"], after_many)
    for value, text in zip(model.predict(X)[0], outputs, strict=True):
        agrees(value, text)


def test_float32():
    model = network(frozen_biases(), dtype="float32")
    agrees(model.evaluate(X, Y)["loss"], "0.2983711")
    model.train_on_batch(X, Y)
    agrees(model.evaluate(X, Y)["loss"], "0.2910278")
    model.fit(X, Y, epochs=9_999)
    agrees(model.evaluate(X, Y)["loss"], "0.00003510")
    assert model.predict(X).dtype == np.float32


def test_the_error_is_the_objective():
    model = network(frozen_biases())
    assert MeanSquaredError().forward(model.predict(X), Y) == model.evaluate(X, Y)["loss"]
