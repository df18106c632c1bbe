"""Which symbol comes next in 1, 2, …, 10, 1, 2, …? One small task for every way to build a recurrent network.

    python examples/recurrent_next_symbol.py

Five steps at a time, eight sequences a batch, seven units, as the first examples of Element-Research's rnn:
``simple_rnn`` is the ready-made layer; ``recurrent`` the same out of parts, with a learned first step;
``sequencer`` steps the whole stack, softmax included; ``recurrence`` feeds any layer with its own output;
``nested lstm`` has an LSTM inside such a layer; ``recursor`` is a loop by hand, one call for each step.
"""

import argparse

import numpy as np

from npdl_core import Model, registry

SYMBOLS, STEPS, BATCH, UNITS = 10, 5, 8, 7


def part(name, **config):
    """Return a layer's envelope."""
    return {"name": name, "config": config}


WORDS = part("embedding", input_size=SYMBOLS, n_out=UNITS)
BACK = part("linear", n_out=UNITS)
ANSWER = part("softmax", n_out=SYMBOLS)
SIGMOID = part("activation", activation="sigmoid")
ELMAN = {"start": UNITS, "input_layer": WORDS, "feedback_layer": BACK, "transfer": "sigmoid"}
SUM = part("chain", layers=[part("parallel", layers=[WORDS, BACK], merge="add"), SIGMOID])
NESTED = part(
    "chain",
    layers=[part("parallel", layers=[WORDS, "identity"], merge="concat"), part("fast_lstm", n_out=UNITS)],
)

VARIANTS = {
    "simple_rnn": [
        WORDS,
        part("simple_rnn", n_out=UNITS, activation="sigmoid", return_sequence=True),
        ANSWER,
    ],
    "recurrent": [part("recurrent", **ELMAN, return_sequence=True), ANSWER],
    "sequencer": [part("sequencer", layer=part("chain", layers=[part("recurrent", **ELMAN), ANSWER]))],
    "recurrence": [part("recurrence", layer=SUM, state_shape=UNITS, return_sequence=True), ANSWER],
    "nested lstm": [part("recurrence", layer=NESTED, state_shape=UNITS, return_sequence=True), ANSWER],
}


def windows(rng, n=BATCH):
    """Return symbols (n, 5), numbered from 0, and the symbols that follow each of them."""
    first = rng.integers(0, SYMBOLS, (n, 1))
    return (first + np.arange(STEPS)) % SYMBOLS, (first + np.arange(STEPS) + 1) % SYMBOLS


def learn(name, updates=300, lr=0.05):
    """Train a variant and return its accuracy."""
    rng = np.random.default_rng(0)
    model = Model(VARIANTS[name], seed=0)
    loss = {"name": "sequencer", "config": {"objective": "scce"}}
    model.compile(loss, {"name": "adam", "config": {"lr": lr}}, ["accuracy"])
    for _ in range(updates):
        model.train_on_batch(*windows(rng))
    return model.evaluate(*windows(rng, 100))["accuracy"]


def by_hand(updates=300, lr=0.05):
    """Train with a loop over the steps, forwards and back, and return the accuracy."""
    rng = np.random.default_rng(0)
    step = part("chain", layers=[part("recurrent", **ELMAN), ANSWER])
    layer = registry.get("layers", "recursor", layer=step)
    layer.rng = rng
    layer.connect((None,))
    loss = registry.get("objectives", "scce")
    optimizer = registry.get("optimizers", "adam", lr=lr)
    for _ in range(updates):
        X, Y = windows(rng)
        outputs = [layer.forward(X[:, t]).copy() for t in range(STEPS)]
        for t in reversed(range(STEPS)):
            layer.backward(loss.backward(outputs[t], Y[:, t]))
        optimizer.update(layer.params, layer.grads)
        layer.forget()
    X, Y = windows(rng, 100)
    guesses = [layer.forward(X[:, t], train=False).argmax(axis=-1) for t in range(STEPS)]
    return float((np.stack(guesses, axis=1) == Y).mean())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--updates", type=int, default=300)
    given = parser.parse_args()
    for variant in VARIANTS:
        print(f"{variant}: accuracy {learn(variant, given.updates):.3f}")
    print(f"recursor: accuracy {by_hand(given.updates):.3f}")
