"""Six rhythms at once: a recurrent layer forecasts the next step of a series of six variables.

Every variable repeats a bell over eleven steps, each with a width of its own, and noise on top:

    python examples/recurrent_time_series.py

Source: Element-Research rnn, recurrent-time-series.
"""

import argparse

import numpy as np

from npdl_core import Model

PERIOD, VARIABLES, WINDOW = 11, 6, 5


def series(rng, n_steps, noise=0.01):
    """Return a series (n_steps, 6): densities of normal distributions of mean 5 and deviations 1 to 6."""
    at = np.arange(n_steps)[:, None] % PERIOD
    width = np.arange(1, VARIABLES + 1)
    bells = np.exp(-0.5 * ((at - 5) / width) ** 2) / (width * np.sqrt(2 * np.pi))
    return (bells + noise * rng.random((n_steps, VARIABLES))).astype("float32")


def windows(values, size=WINDOW):
    """Return all windows (N, size, 6), and what follows each of their steps."""
    every = np.lib.stride_tricks.sliding_window_view(values, size + 1, axis=0).transpose(0, 2, 1)
    return every[:, :-1], every[:, 1:]


def learn(layer="simple_rnn", n_steps=100, n_out=10, epochs=100, lr=0.5):
    """Return the mean square error on new steps of the model, and of the forecast that nothing changes."""
    rng = np.random.default_rng(0)
    X, Y = windows(series(rng, n_steps))
    model = Model(seed=0)
    model.add(layer, n_out=n_out, return_sequence=True)
    model.add("linear", n_out=VARIABLES)
    model.compile("mse", {"name": "sgd", "config": {"lr": lr, "momentum": 0.9, "clip_norm": 1.0}}, ["mse"])
    model.fit(X, Y, epochs=epochs, batch_size=8)
    X, Y = windows(series(rng, 2 * n_steps))
    return model.evaluate(X, Y)["mse"], float(np.square(X - Y).mean())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layer", default="simple_rnn", help="any recurrent layer (default: simple_rnn)")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=100)
    given = parser.parse_args()
    error, same = learn(given.layer, given.steps, epochs=given.epochs)
    print(f"mean square error {error:.6f}; that of 'as before' is {same:.6f}")
