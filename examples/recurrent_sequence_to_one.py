"""Which row do these numbers come from? One answer for a whole sequence.

Each of seven classes has a row of ten numbers from 1 to 7; a sequence is ten draws from the row of its class,
sorted. A recurrent layer reads the ten numbers, and its last state says which class it was:

    python examples/recurrent_sequence_to_one.py

Source: Element-Research rnn, sequence-to-one.
"""

import argparse

import numpy as np

from npdl_core import Model

CLASSES, STEPS = 7, 10


def sequences(rng, rows, n):
    """Return numbers (n, 10) and classes (n,)."""
    classes = rng.integers(0, CLASSES, n)
    numbers = rows[classes[:, None], rng.integers(0, STEPS, (n, STEPS))]
    return np.sort(numbers, axis=1), classes


def learn(layer="simple_rnn", n_samples=1000, n_out=100, epochs=8, lr=0.1):
    """Return the accuracy on new sequences, and that of the best answer for each histogram of numbers."""
    rng = np.random.default_rng(0)
    rows = rng.integers(1, 8, (CLASSES, STEPS))
    model = Model(seed=0)
    model.add("embedding", input_size=8, n_out=n_out)
    model.add(layer, n_out=n_out)
    model.add("softmax", n_out=CLASSES)
    model.compile("scce", {"name": "sgd", "config": {"lr": lr, "clip_norm": 1.0}}, ["accuracy"])
    model.fit(*sequences(rng, rows, n_samples), epochs=epochs, batch_size=8)
    X, Z = sequences(rng, rows, 1000)
    return model.evaluate(X, Z)["accuracy"], float((likeliest(rows, X) == Z).mean())


def likeliest(rows, X):
    """Return the classes by Bayes' rule, which knows the rows: nobody does better."""
    share = (rows[:, :, None] == np.arange(8)).mean(axis=1)
    with np.errstate(divide="ignore"):
        return np.log(share).T[X].sum(axis=1).argmax(axis=1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layer", default="simple_rnn", help="any recurrent layer (default: simple_rnn)")
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=8)
    given = parser.parse_args()
    found, best = learn(given.layer, given.samples, epochs=given.epochs)
    print(f"accuracy {found:.3f}; with the rows known it would be {best:.3f}")
