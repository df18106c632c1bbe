"""One sequence into another: the state in which an encoder ends is the one in which a decoder begins.

Two sources, padded on the left, and the sequence that belongs to each, padded on the right:

    python examples/recurrent_encoder_decoder.py

The gradient of the decoder's initial state goes back into the encoder, all the way to the first word.
Source: Element-Research rnn, encoder-decoder-coupling.
"""

import argparse

import numpy as np

from npdl_core import Graph

GO, EOS, WORDS = 6, 7, 8

SOURCES = np.array([[0, 0, 0, 0, 1, 2, 3], [0, 0, 0, 5, 4, 3, 2]])
DECODED = np.array([[1, 2, 3, 4, EOS, 0, 0, 0], [5, 4, 3, 2, 1, 5, 4, EOS]])


def shifted(decoded):
    """Return what the decoder reads: GO, and each word one step late; padding stays padding."""
    late = np.concatenate([np.full((len(decoded), 1), GO), decoded[:, :-1]], axis=1)
    return np.where(decoded > 0, late, 0)


def made(cell="lstm", n_out=6, lr=0.1, seed=0):
    """Return the graph: words of both sides, encoder and decoder, and a softmax over words."""
    config = {"n_out": n_out}
    embedding = {"name": "embedding", "config": {"input_size": WORDS, "n_out": n_out, "mask_zero": True}}
    couple = {
        "name": "encoder_decoder",
        "config": {
            "encoder": {"name": cell, "config": config},
            "decoder": {"name": cell, "config": {**config, "return_sequence": True}},
        },
    }
    graph = Graph(
        {"source": {"shape": (None,), "integer": True}, "target": {"shape": (None,), "integer": True}},
        {
            "source_words": (embedding, "source"),
            "target_words": (embedding, "target"),
            "couple": (couple, ["source_words", "target_words"]),
            "word": ({"name": "softmax", "config": {"n_out": WORDS}}, "couple"),
        },
        "word",
        seed=seed,
    )
    return graph.compile("scce", {"name": "sgd", "config": {"lr": lr, "momentum": 0.9}}, ["accuracy"])


def decode(graph, source, longest=10):
    """Return the words that follow GO, the likeliest each time, up to EOS."""
    words = [GO]
    while len(words) <= longest and words[-1] != EOS:
        probabilities = graph.predict({"source": source[None], "target": np.array([words])})
        words.append(int(probabilities[0, -1].argmax()))
    return words[1:]


def learn(cell="lstm", updates=1000):
    """Return the trained graph and its loss on the way."""
    graph = made(cell)
    batch = {"source": SOURCES, "target": shifted(DECODED)}
    return graph, [graph.train_on_batch(batch, DECODED)["loss"] for _ in range(updates)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cell", default="lstm", help="lstm, gru or simple_rnn (default: lstm)")
    parser.add_argument("--updates", type=int, default=1000)
    given = parser.parse_args()
    trained, losses = learn(given.cell, given.updates)
    print(f"loss {losses[0]:.3f} at the start, {losses[-1]:.4f} at the end")
    for row, due in zip(SOURCES, DECODED, strict=True):
        print(f"{row[row > 0].tolist()} -> {decode(trained, row)}, due {due[due > 0].tolist()}")
