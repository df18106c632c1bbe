"""A word from the words on both sides of it: a bidirectional language model that never sees what it guesses.

The words are 1, 2, …, 10, 1, 2, … in sequences of two to ten, padded with 0. ``bidirectional_lm`` guesses
each word from those before and those behind it:

    python examples/recurrent_bidirectional_lm.py

The usual ``bidirectional`` layer must not be asked for the next word, since its backward half has read it.
Words drawn at random give that away: nobody can guess more than one in ten, and who does has seen the answer.
Source: Element-Research rnn, simple-bisequencer-network and its variable-length variant.
"""

import argparse

import numpy as np

from npdl_core import Model

WORDS, LONGEST = 10, 10


def sentences(rng, n, ordered=True):
    """Return words (n, 10), which follow each other, or are drawn at random; 0 is padding."""
    first = rng.integers(0, WORDS, (n, 1))
    words = (first + np.arange(LONGEST)) % WORDS + 1 if ordered else rng.integers(1, WORDS + 1, (n, LONGEST))
    words[np.arange(LONGEST) >= rng.integers(2, LONGEST + 1, (n, 1))] = 0
    return words


def itself(words):
    """Return what a model without a leak is asked: the words, none where there is padding."""
    return words, words > 0


def following(words):
    """Return the next words, and where there are some."""
    late = np.concatenate([words[:, 1:], np.zeros((len(words), 1), int)], axis=1)
    return late, late > 0


def learn(layer="bidirectional_lm", asked=itself, ordered=True, updates=300, n_out=14, lr=0.02):
    """Return the accuracy on new sentences."""
    rng = np.random.default_rng(0)
    model = Model(seed=0)
    model.add("embedding", input_size=WORDS + 1, n_out=n_out, mask_zero=True)
    cell = {"name": "fast_lstm", "config": {"n_out": n_out, "return_sequence": True}}
    model.add(layer, layer=cell)
    model.add("softmax", n_out=WORDS + 1)
    model.compile("scce", {"name": "adam", "config": {"lr": lr, "clip_norm": 1.0}}, ["accuracy"])
    for _ in range(updates):
        words = sentences(rng, 8, ordered)
        targets, counted = asked(words)
        model.train_on_batch(words, targets, sample_weight=counted.astype(float))
    words = sentences(rng, 500, ordered)
    targets, counted = asked(words)
    return model.evaluate(words, targets, sample_weight=counted.astype(float))["accuracy"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--updates", type=int, default=300)
    given = parser.parse_args()
    print(f"bidirectional_lm, words in order: {learn(updates=given.updates):.3f}")
    honest = learn(ordered=False, updates=given.updates)
    leaking = learn("bidirectional", following, ordered=False, updates=given.updates)
    print(f"at random: bidirectional_lm {honest:.3f}")
    print(f"at random, bidirectional asked for the next word: {leaking:.3f}")
