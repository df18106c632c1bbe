"""
Tagging with a look ahead
=========================

Each symbol is tagged by whether it occurs again *later* in its sequence, and whether it occurred *before*. A
network that reads forwards can only know the second half; a bidirectional one knows both.
"""

# %%
# Sequences of 5 to 15 symbols out of six; padding is id 0, and its mask comes from the embedding.

import matplotlib.pyplot as plt
import numpy as np

from npdl_core import Model
from npdl_rnn import GRU, Bidirectional

SYMBOLS, LONGEST = 6, 15


def sequences(rng, n):
    """Return ids (n, T) and tags (n, T): 0 only here, 1 before too, 2 again later, 3 both."""
    ids = rng.integers(1, SYMBOLS + 1, (n, LONGEST))
    ids[np.arange(LONGEST) >= rng.integers(5, LONGEST + 1, n)[:, None]] = 0
    same = (ids[:, :, None] == ids[:, None, :]) & (ids[:, None, :] > 0)
    before = np.tril(same, -1).any(axis=2)
    later = np.triu(same, 1).any(axis=2)
    return ids, before + 2 * later


def learn(layer, updates=600):
    """Train a tagger with one recurrent layer and return its accuracy on new sequences."""
    rng = np.random.default_rng(0)
    model = Model(seed=0)
    model.add("embedding", input_size=SYMBOLS + 1, n_out=12, mask_zero=True)
    model.add(layer)
    model.add("softmax", n_out=4)
    model.compile("scce", {"name": "adam", "config": {"lr": 0.01, "clip_norm": 1.0}}, ["accuracy"])
    for _ in range(updates):
        model.train_on_batch(*sequences(rng, 32))
    return model.evaluate(*sequences(rng, 500))["accuracy"]


# %%
# The loss and the accuracy leave padding out by themselves.

if __name__ == "__main__":
    layers = {
        "forwards": GRU(32, return_sequence=True),
        "both ways": Bidirectional(GRU(32, return_sequence=True)),
    }
    accuracy = {name: learn(layer) for name, layer in layers.items()}
    print({name: round(value, 3) for name, value in accuracy.items()})
    fig, ax = plt.subplots(figsize=(4, 3))
    ax.bar(list(accuracy), list(accuracy.values()))
    ax.set_ylabel("accuracy")
    fig.tight_layout()
