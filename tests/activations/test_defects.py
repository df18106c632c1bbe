"""NumpyDL's defects of activations that must not come back (numbers of the inventory in the names)."""

import numpy as np
import pytest

from npdl_core import registry
from npdl_core.builtin import BUILTIN

NAMES = sorted(BUILTIN["activations"])


@pytest.mark.parametrize("name", NAMES)
def test_n01_derivative_takes_arrays_and_remembers_nothing(name):
    activation = registry.get("activations", name)
    x, other = np.array([[0.4, -1.5]]), np.array([[2.0, 0.1], [-0.3, 0.7]])
    activation.forward(x)
    due = activation.derivative(x)
    assert activation.derivative(other).shape == other.shape
    np.testing.assert_array_equal(activation.derivative(), due)


def test_n02_softmax_has_its_full_jacobian():
    softmax = registry.get("activations", "softmax")
    y = softmax(np.array([[0.2, -1.0, 0.7]]))
    jacobian = np.diag(y[0]) - np.outer(y[0], y[0])
    for column in np.eye(3):
        np.testing.assert_allclose(softmax.vjp(column[None], None, y)[0], jacobian @ column, atol=1e-16)
    np.testing.assert_allclose(softmax.derivative(np.log(y)), [np.diag(jacobian)])


def test_n02_softmax_with_another_loss_trains_with_the_true_gradient():
    from npdl_core.layers import Dense
    from npdl_core.model import Model

    model = Model([Dense(3, n_in=2, activation="softmax")], seed=0, dtype="float64").compile("mse", "sgd")
    x, targets = np.array([[0.5, -1.0]]), np.array([[0.0, 1.0, 0.0]])
    outputs = model.forward(x)
    model.backward(model.loss.backward(outputs, targets))
    W, slopes = model.params[0], np.zeros((2, 3))
    for index in np.ndindex(2, 3):
        for step in (1e-6, -1e-6):
            W[index] += step
            slopes[index] += np.sign(step) * model.loss.forward(model.predict(x), targets) / 2e-6
            W[index] -= step
    np.testing.assert_allclose(model.grads[0], slopes, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_n03_sigmoid_and_softplus_do_not_overflow(dtype):
    x = np.array([-1000, 1000], dtype)
    with np.errstate(all="raise", under="ignore"):
        np.testing.assert_array_equal(registry.get("activations", "sigmoid")(x), [0, 1])
        softplus = registry.get("activations", "softplus")
        np.testing.assert_array_equal(softplus(x), [0, 1000])
        np.testing.assert_array_equal(softplus.derivative(x), [0, 1])


def test_n04_softmax_of_every_time_step():
    x = np.random.default_rng(0).normal(size=(2, 5, 3))
    softmax = registry.get("activations", "softmax")
    y = softmax(x)
    np.testing.assert_allclose(y.sum(axis=-1), np.ones((2, 5)))
    np.testing.assert_array_equal(y[1, 4], softmax(x[1, 4]))
