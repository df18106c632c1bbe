"""In a steady state training allocates almost nothing: what a step computes goes where the last one's was."""

import tracemalloc

import numpy as np
import pytest

from npdl_core import Model, kernels
from npdl_core.layers import Dense, Softmax
from npdl_core.testing.memory import peak_memory

N, D, H = 512, 256, 512
ACTIVATIONS = N * H * 4
"""Bytes of one hidden layer's output, of which a step keeps at least four: two outputs, two gradients."""

BUFFERS = 150_000
"""What NumPy's ufuncs convert blocks of 8192 numbers in, and small arrays of N or H numbers."""

MOMENTUM = {"name": "sgd", "config": {"lr": 0.01, "momentum": 0.9}}


@pytest.fixture(autouse=True)
def numpy_kernels(monkeypatch):
    monkeypatch.setenv("NPDL_KERNELS", "numpy")
    for name in kernels.names():
        monkeypatch.setattr(kernels.find(name), "_overrides", None)


def perceptron(extra, optimizer):
    layers = [Dense(H, n_in=D, activation="relu"), *extra, Dense(H, activation="relu"), *extra, Softmax(10)]
    model = Model(seed=0)
    for layer in layers:
        model.add(layer)
    return model.compile("scce", optimizer, metrics=["accuracy"])


def data():
    rng = np.random.default_rng(0)
    return rng.standard_normal((N, D), dtype="float32"), rng.integers(0, 10, N)


@pytest.mark.parametrize("extra", [[], ["dropout"], ["batch_normal"]], ids=str)
@pytest.mark.parametrize("optimizer", ["sgd", MOMENTUM], ids=str)
def test_a_training_step_of_a_perceptron(extra, optimizer):
    """At most one byte for each number of a hidden layer: where a rectifier let its input through."""
    model, (x, y) = perceptron(extra, optimizer), data()
    assert peak_memory(lambda: model.train_on_batch(x, y)) <= ACTIVATIONS / 4 + BUFFERS


def test_a_step_of_fit_gathers_its_batch_beside_that():
    model, (x, y) = perceptron([], "sgd"), data()
    several = np.tile(x, (4, 1)), np.tile(y, 4)
    batch = x.nbytes + y.nbytes
    peak = peak_memory(lambda: model.fit(*several, epochs=1, batch_size=N), warm_up=2)
    assert peak <= ACTIVATIONS / 4 + BUFFERS + 2 * batch


def test_sequences_in_another_order_are_copied_to_where_the_last_ones_were():
    model = Model([Dense(8, activation="tanh"), Softmax(4)], seed=0).compile("scce", "sgd")
    x = np.random.default_rng(0).standard_normal((64, 16, 256), dtype="float32").transpose(1, 0, 2)
    y = np.zeros((16, 64), int)
    assert peak_memory(lambda: model.train_on_batch(x, y)) <= x.nbytes / 4


def test_inference_keeps_two_layers_at_a_time():
    model, (x, _) = perceptron([], "sgd"), data()
    assert peak_memory(lambda: model.predict(x, batch_size=N)) <= 2 * ACTIVATIONS + BUFFERS


def test_tracing_that_runs_already_goes_on():
    tracemalloc.start()
    try:
        assert 80_000 <= peak_memory(lambda: np.zeros(10_000).sum()) < 90_000
        assert tracemalloc.is_tracing()
    finally:
        tracemalloc.stop()
    with pytest.raises(ZeroDivisionError):
        peak_memory(lambda: 1 / 0)
    assert not tracemalloc.is_tracing()
