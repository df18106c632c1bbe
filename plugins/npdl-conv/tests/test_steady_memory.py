"""What a training step of a convolutional network allocates in a steady state."""

import numpy as np
import pytest

from npdl_core import Model
from npdl_core.testing.memory import peak_memory

BLOCKS = 1_500_000
"""Strips and patches of the images at hand, by blocks that fit a cache, whatever the batch."""


@pytest.fixture(autouse=True)
def numpy_kernels(monkeypatch):
    monkeypatch.setenv("NPDL_KERNELS", "numpy")


def network(shape, convolutions):
    model = Model(seed=0)
    for index, (filters, size, padding) in enumerate(convolutions):
        first = {"input_shape": shape} if index == 0 else {}
        model.add("convolution", nb_filter=filters, filter_size=size, padding=padding, **first)
        model.add("max_pooling", pool_size=2)
    model.add("flatten")
    model.add("softmax", n_out=10)
    return model.compile("scce", "sgd")


@pytest.mark.parametrize(
    ("shape", "convolutions"),
    [((1, 28, 28), [(20, 5, 0), (50, 5, 0)]), ((3, 32, 32), [(32, 3, 1), (64, 3, 1)])],
    ids=["5x5", "3x3"],
)
@pytest.mark.parametrize("n_samples", [32, 64])
def test_a_step_allocates_one_gradient_of_one_layer_and_blocks(shape, convolutions, n_samples):
    """The one is what the rectifier lets through, with a bool for each number; all else has its place."""
    model = network(shape, convolutions)
    x = np.random.default_rng(0).standard_normal((n_samples, *shape), dtype="float32")
    y = np.zeros(n_samples, int)
    peak = peak_memory(lambda: model.train_on_batch(x, y), warm_up=2)
    first = model.layers[0].out_shape[1:]
    assert peak <= 1.25 * 4 * n_samples * np.prod(first) + BLOCKS


def test_inference_keeps_two_layers_and_blocks():
    model = network((3, 32, 32), [(32, 3, 1), (64, 3, 1)])
    x = np.random.default_rng(0).standard_normal((64, 3, 32, 32), dtype="float32")
    sizes = sorted(4 * 64 * np.prod(layer.out_shape[1:]) for layer in model.layers)
    assert peak_memory(lambda: model.predict(x), warm_up=1) <= sizes[-1] + sizes[-2] + BLOCKS
