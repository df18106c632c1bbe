"""Small data, small networks, and a whole-model gradient check."""

import numpy as np
import pytest

from npdl_core import Model
from npdl_core.layers import Dense, Softmax


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def classes(rng):
    """Return 40 samples of 3 features and their classes, 0 or 1."""
    X = rng.normal(size=(40, 3)).astype("float32")
    return X, (X[:, 0] + X[:, 1] > 0).astype(int)


@pytest.fixture
def make():
    """Return a function that makes a compiled classifier of 3 features."""

    def make(optimizer=None, *, seed=1, layers=None, **compile_arguments):
        layers = layers or [Dense(8, n_in=3), "dropout", Softmax(2)]
        optimizer = optimizer or {"name": "sgd", "config": {"lr": 0.1, "momentum": 0.9}}
        return Model(layers, seed=seed).compile(loss="scce", optimizer=optimizer, **compile_arguments)

    return make


@pytest.fixture
def check_model():
    """Return a check of all gradients of a compiled float64 network against central differences."""

    def loss(network, x, y, options):
        # A fresh generator makes the noise of every forward the same.
        for layer in network.distinct_layers():
            layer.rng = np.random.default_rng(7)
        outputs = network.forward(x, True, mask=options.get("mask"))
        terms = network.compiled.terms
        weights = {key: value for key, value in options.items() if value is not None}
        total = sum(
            term.factor
            * term.loss.forward(
                outputs if term.output is None else outputs[term.output],
                y if term.output is None else y[term.output],
                **weights,
            )
            for term in terms
        )
        return total + network.compiled.cost()

    def check_model(network, x, y, *, step=1e-6, rtol=2e-6, **options):
        assert network.dtype == np.float64
        batch_gradients(network, x, y, options)
        analytic = {name: p.grad.copy() for name, p in network.named_parameters() if p.trainable}
        assert analytic
        for name, parameter in network.named_parameters():
            if not parameter.trainable:
                continue
            flat = parameter.value.reshape(-1)
            numeric = np.empty(flat.size)
            for index in range(flat.size):
                kept = flat[index]
                flat[index] = kept + step
                above = loss(network, x, y, options)
                flat[index] = kept - step
                below = loss(network, x, y, options)
                flat[index] = kept
                numeric[index] = (above - below) / (2 * step)
            came = analytic[name].reshape(-1)
            scale = max(np.abs(numeric).max(), np.abs(came).max(), 1e-3)
            assert np.abs(numeric - came).max() <= rtol * scale, (name, numeric, came)
            assert np.abs(came).max() > 0, f"{name} gets no gradient at all"

    def batch_gradients(network, x, y, options):
        for layer in network.distinct_layers():
            layer.rng = np.random.default_rng(7)
        compiled = network.compiled
        outputs = network.forward(x, True, mask=options.get("mask"))
        grad = compiled.meter().learn(
            outputs, y, options.get("mask"), options.get("sample_weight"), compiled.cost(), compiled.fused
        )
        network.backward(grad, compiled.fused)

    return check_model
