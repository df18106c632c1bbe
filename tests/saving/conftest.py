"""A model with every kind of state, data for it, and files made by hand."""

import json

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

    def make(lr=0.1, seed=1, layers=None, metrics=("accuracy",), momentum=0.9, loss="scce"):
        layers = layers or [
            Dense(6, n_in=3), BatchNormal(), {"name": "dropout", "config": {"p": 0.3}}, Softmax(2),
        ]  # fmt: skip
        optimizer = {"name": "sgd", "config": {"lr": lr, "momentum": momentum, "decay": 0.01}}
        return Model(layers, seed=seed).compile(loss, optimizer, metrics=list(metrics))

    return make


@pytest.fixture
def pack():
    """Return a function that makes a safetensors file from a header, as text or JSON, and bytes."""

    def pack(header, data=b"", length=None):
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        return (len(text) if length is None else length).to_bytes(8, "little") + text + data

    return pack


@pytest.fixture
def unpack():
    """Return a function that takes a file apart: header and data."""

    def unpack(content):
        length = int.from_bytes(content[:8], "little")
        return json.loads(content[8 : 8 + length]), content[8 + length :]

    return unpack
