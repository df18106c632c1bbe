"""A model that names layers of plugins: ``train`` it, and try to load it when a plugin is ``gone NAME``."""

import sys

import numpy as np

import npdl_core as npdl
from npdl_core.errors import MissingPluginError


def train() -> None:
    """Train by names, save, load, predict the same."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 6, 4), dtype=np.float32)
    y = (x[:, 0, 0] > x[:, 1, 0]).astype(np.int64)
    model = npdl.Model(seed=1)
    model.add("highway")
    model.add("multi_head_attention", n_out=4, n_heads=2)
    model.add("npdl-attention:dot_product_attention", causal=True)
    model.add("flatten")
    model.add("softmax", n_out=2)
    model.compile("scce", {"name": "sgd", "config": {"lr": 0.03, "momentum": 0.9}})
    losses = model.fit(x, y, epochs=30, batch_size=20).history["loss"]
    print(f"loss {losses[0]:.3f} -> {losses[-1]:.3f}")
    assert losses[-1] < 0.6 * losses[0], "the model does not learn"
    model.save("model.safetensors")
    assert np.array_equal(npdl.load("model.safetensors").predict(x), model.predict(x))


def gone(distribution: str) -> None:
    """See the missing plugin named in the error; without its layers everything works."""
    message = ""
    try:
        npdl.load("model.safetensors")
    except MissingPluginError as error:
        message = str(error)
    print(message)
    assert distribution in message, "the missing plugin is not named"
    assert npdl.Model(["identity"]).connect((None, 3)).predict(np.ones((2, 3))).shape == (2, 3)


if sys.argv[1:] == ["train"]:
    train()
else:
    gone(sys.argv[2])
