"""
The adding problem
==================

A hundred random numbers, two of them marked: what is the sum of the two? The marks lie up to a hundred steps
before the answer. A plain network forgets them; an LSTM does not.

Source: Hochreiter and Schmidhuber, Long short-term memory, 1997.
"""

# %%
# The first marked number is among the first ten, the second one anywhere in the first half. Always answering
# 1 has a mean square error of 0.167.

import matplotlib.pyplot as plt
import numpy as np

from npdl_core import Model

STEPS = 100
UPDATES = 1500


def problem(rng, n, steps):
    """Return sequences (n, steps, 2) of numbers and marks, and the sums (n, 1)."""
    x = np.zeros((n, steps, 2), "float32")
    x[..., 0] = rng.random((n, steps))
    rows = np.arange(n)
    first, second = rng.integers(0, steps // 10, n), rng.integers(steps // 10, steps // 2, n)
    x[rows, first, 1] = x[rows, second, 1] = 1
    return x, (x[rows, first, 0] + x[rows, second, 0])[:, None]


def learn(name, steps=STEPS, updates=UPDATES, n_out=32, lr=0.005):
    """Train a network with one recurrent layer and return its errors on the way, and on new sequences."""
    rng = np.random.default_rng(0)
    model = Model(seed=0)
    model.add(name, n_out=n_out)
    model.add("linear", n_out=1)
    rate = {"name": "cosine", "config": {"lr": lr, "steps": updates}}
    model.compile("mse", {"name": "adam", "config": {"lr": rate, "clip_norm": 1.0}})
    errors = []
    for update in range(updates):
        length = min(steps, 10 + 3 * steps * update // (2 * updates))
        errors.append(2 * model.train_on_batch(*problem(rng, 32, length))["loss"])  # it is half the square
    return errors, 2 * model.evaluate(*problem(rng, 500, steps))["loss"]


# %%
# Every batch is new: there is nothing to learn by heart. Sequences grow from ten steps to the full length in
# two thirds of the updates, since whoever can add over twenty steps learns it sooner over forty.

if __name__ == "__main__":
    fig, ax = plt.subplots(figsize=(7, 3.5))
    for name in ("simple_rnn", "lstm"):
        errors, final = learn(name)
        print(f"{name}: mean square error {final:.4f}")
        smooth = np.convolve(errors, np.ones(50) / 50, "valid")
        ax.semilogy(smooth, label=name)
    ax.axhline(0.167, color="k", lw=0.7, ls=":")
    ax.set_xlabel("updates")
    ax.set_ylabel("mean square error")
    ax.legend(frameon=False)
    fig.tight_layout()
