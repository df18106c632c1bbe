"""A language model of words that learns to tell each next word from a few noise words.

The softmax over a large vocabulary is most of a language model's work. Noise-contrastive estimation scores
only the word that came and k others, drawn as often as they occur; the perplexity at the end is the
normalised one:

    python examples/recurrent_nce_language_model.py --text book.txt

Without a file the text is what this Python says about itself. ``--loss softmax`` trains the usual way, for
comparison; ``--projection 32`` gives an LSTM whose output is smaller than its cell. At full size, that of
Element-Research's noise-contrastive-estimate: --units 256 --layers 2 --words 100000 --steps 50 --batch 128.
"""

import argparse
import copy
import re
import time
from collections import Counter
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np

from npdl_core import Model
from npdl_rnn.objectives import NCE


def read(path=None, most=None):
    """Return the words and signs of a text, in lower case."""
    text = (
        "\n".join(topics[name] for name in sorted(topics)) if path is None else Path(path).read_text("utf-8")
    )
    return re.findall(r"[a-z]+|[^\sa-z]", text.lower())[:most]


def numbered(tokens, n_words):
    """Return ids with 0 for rare words, and how often each id occurs."""
    known = [word for word, _ in Counter(tokens).most_common(n_words - 1)]
    number = {word: index for index, word in enumerate(known, start=1)}
    ids = np.array([number.get(word, 0) for word in tokens])
    return ids, np.bincount(ids, minlength=len(known) + 1)


def windows(ids, steps):
    """Return inputs and targets (N, steps): each word, and the one after it."""
    n = (len(ids) - 1) // steps
    return ids[: n * steps].reshape(n, steps), ids[1 : n * steps + 1].reshape(n, steps)


SIZES = {
    "words": 5000, "units": 64, "layers": 1, "projection": 0, "k": 100, "steps": 20, "batch": 32, "epochs": 5
}  # fmt: skip


def learn(tokens, loss="nce", lr=0.003, **sizes):
    """Return the held-out perplexity, the seconds per epoch, and the model, which gives probabilities."""
    size = SIZES | sizes
    steps, units = size["steps"], size["units"]
    ids, counts = numbered(tokens, size["words"])
    cut = len(ids) * 9 // 10
    model = Model(seed=0)
    model.add("embedding", input_size=len(counts), n_out=units)
    stack = {"num_layers": size["layers"], "projection": size["projection"] or None}
    model.add("lstm", n_out=units, return_sequence=True, **stack)
    if loss == "nce":
        objective = NCE(unigrams=counts, k=size["k"])
    else:
        model.add("softmax", n_out=len(counts))
        objective = "scce"
    model.compile(objective, {"name": "adam", "config": {"lr": lr, "clip_norm": 5.0}})
    start = time.perf_counter()
    model.fit(*windows(ids[:cut], steps), epochs=size["epochs"], batch_size=size["batch"])
    seconds = (time.perf_counter() - start) / size["epochs"]
    perplexity = float(np.exp(model.evaluate(*windows(ids[cut:], steps))["loss"]))
    if loss == "nce":  # the objective's words become the last layer
        model = Model([*copy.deepcopy(model.layers), objective.output_layer()]).connect((None, None))
    return perplexity, seconds, model


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", help="a text file (default: what this Python says about itself)")
    parser.add_argument("--loss", choices=("nce", "softmax"), default="nce")
    for name, value in SIZES.items():
        parser.add_argument(f"--{name}", type=int, default=value, help=f"(default: {value})")
    given = parser.parse_args()
    words = read(given.text)
    found, took, _ = learn(words, given.loss, **{name: getattr(given, name) for name in SIZES})
    print(f"{given.loss}: {len(words)} words, held-out perplexity {found:.1f}, {took:.1f} s per epoch")
