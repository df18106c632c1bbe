"""NumpyDL's defects N14–N23, each as the thing that must work."""

import numpy as np
import pytest

from npdl_core import Model
from npdl_core.testing import check_layer
from npdl_rnn import GRU, LSTM, SimpleRNN


def ready(layer, n_in=3):
    layer.dtype = "float64"
    layer.rng = np.random.default_rng(0)
    return layer.connect((None, None, n_in))


def draw(*shape, seed=1):
    return np.random.default_rng(seed).normal(0, 1, shape)


def slope(layer, x, g, array, entry):
    """Return the central difference of Σ(output · g) by one entry of an array that forward reads."""
    values = []
    kept = array[entry]
    for sign in (1, -1):
        array[entry] = kept + sign * 1e-6
        values.append((layer.forward(x, False) * g).sum())
    array[entry] = kept
    return (values[0] - values[1]) / 2e-6


def test_n14_the_activation_is_differentiated_at_every_step():
    layer, x = ready(SimpleRNN(4, return_sequence=True)), draw(2, 5, 3)
    g = draw(2, 5, 4, seed=2)
    layer.forward(x)
    dx = layer.backward(g)
    for grad, array, entry in ((layer.dU, layer.U, (1, 2)), (layer.dW, layer.W, (0, 3)), (dx, x, (1, 0, 2))):
        np.testing.assert_allclose(grad[entry], slope(layer, x, g, array, entry), rtol=1e-6)


def test_n15_the_first_steps_input_counts_for_the_last_output():
    layer, x = ready(SimpleRNN(4, activation="linear")), draw(2, 5, 3)
    g = draw(2, 4, seed=2)
    layer.forward(x)
    layer.backward(g)
    for entry in np.ndindex(3, 4):
        np.testing.assert_allclose(layer.dW[entry], slope(layer, x, g, layer.W, entry), rtol=1e-6, atol=1e-9)


def test_n16_the_input_gradient_has_the_inputs_width():
    layer = ready(SimpleRNN(4), n_in=7)
    layer.forward(draw(2, 5, 7))
    assert layer.backward(draw(2, 4)).shape == (2, 5, 7)


@pytest.mark.parametrize("cls", [SimpleRNN, GRU, LSTM])
def test_n17_batches_of_any_length(cls):
    layer = ready(cls(4, return_sequence=True))
    for n_steps in (3, 7, 2):
        out = layer.forward(draw(2, n_steps, 3))
        assert layer.backward(out).shape == (2, n_steps, 3)


@pytest.mark.parametrize("cls", [SimpleRNN, GRU, LSTM])
def test_n18_one_step(cls):
    layer, x = ready(cls(4)), draw(2, 1, 3)
    g = draw(2, 4, seed=2)
    layer.forward(x)
    dx = layer.backward(g)
    np.testing.assert_allclose(dx[1, 0, 2], slope(layer, x, g, x, (1, 0, 2)), rtol=1e-6)


@pytest.mark.parametrize("name", ["gru", "lstm", "batch_lstm", "simple_rnn"])
def test_n19_n20_they_train_in_a_model_without_and_with_a_mask(name):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 6, 2))
    y = (x[:, :, 0].sum(axis=1) > 0).astype(int)
    for mask in (None, np.ones((64, 6), bool)):
        model = Model(seed=0)
        model.add(name, n_out=8)
        model.add("softmax", n_out=2)
        model.compile("scce", {"name": "sgd", "config": {"lr": 0.2, "momentum": 0.9}})
        history = model.fit(x, y, epochs=25, batch_size=16, mask=mask)
        assert history.history["loss"][-1] < 0.3 * history.history["loss"][0]


@pytest.mark.parametrize("cls", [GRU, LSTM])
def test_n21_the_last_output_goes_back_through_all_steps(cls):
    layer, x = ready(cls(4)), draw(2, 5, 3)
    g = draw(2, 4, seed=2)
    layer.forward(x)
    dx = layer.backward(g)
    assert dx[:, 0].any()
    for entry in ((0, 0, 1), (1, 2, 0), (0, 4, 2)):
        np.testing.assert_allclose(dx[entry], slope(layer, x, g, x, entry), rtol=1e-6)


@pytest.mark.parametrize("name", ["gru", "batch_lstm"])
def test_n22_activations_are_honoured(name):
    from npdl_core import registry

    x, outputs = draw(2, 5, 3), []
    for config in ({}, {"activation": "softsign"}, {"gate_activation": "hard_sigmoid"}):
        outputs.append(ready(registry.get("layers", name, n_out=4, **config)).forward(x, False))
        check_layer(name, config={"n_out": 2, **config}, input_shape=(None, None, 2))
    assert not np.allclose(outputs[0], outputs[1])
    assert not np.allclose(outputs[0], outputs[2])


def test_n23_an_activation_object_is_shared_by_all_steps_without_harm():
    from npdl_core.activations import SoftPlus

    layer, x = ready(SimpleRNN(4, activation=SoftPlus(), return_sequence=True)), draw(2, 5, 3)
    g = draw(2, 5, 4, seed=2)
    layer.forward(x)
    dx = layer.backward(g)
    for entry in ((0, 0, 1), (1, 4, 2)):
        np.testing.assert_allclose(dx[entry], slope(layer, x, g, x, entry), rtol=1e-6)


@pytest.mark.parametrize("cls", [GRU, LSTM])
def test_n23_need_grad_is_used(cls):
    layer = ready(cls(4, need_grad=False))
    layer.forward(draw(2, 5, 3))
    assert not layer.residuals[0].arrays
    assert layer.residuals[0].kept is None
