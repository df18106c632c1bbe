"""A small classifier to train, and data for it."""

import numpy as np
import pytest

from npdl_core import Model
from npdl_core.layers import BatchNormal, Dense, Softmax


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3)).astype("float32")
    return X, (X[:, 0] > 0).astype(int)


@pytest.fixture
def make():
    """Return a function that makes a model whose training depends on every kind of state there is."""

    def make(lr=0.1, seed=1):
        layers = [Dense(6, n_in=3), BatchNormal(), {"name": "dropout", "config": {"p": 0.3}}, Softmax(2)]
        return Model(layers, seed=seed).compile(
            "scce",
            {"name": "sgd", "config": {"lr": lr, "momentum": 0.9, "decay": 0.01}},
            metrics=["accuracy"],
        )

    return make
