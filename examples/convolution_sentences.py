"""What is a question about? Convolutions over its words look for telling phrases of two to four words.

Every filter slides along the sentence and keeps its strongest answer, so that it does not matter where the
phrase stands; the softmax reads these answers of all filters. A hundred questions of five kinds lie beside
this script, and any table with a text and a label in each row will do:

    python examples/convolution_sentences.py
    python examples/convolution_sentences.py --file tweets.csv --words 20000 --filters 100 --batch 64

Source: Kim, Convolutional neural networks for sentence classification, 2014.
"""

import argparse
from collections import Counter

import numpy as np
from recurrent_questions import FILE, encoded, read, words

from npdl_core import Model


def build(n_words, n_classes, units=32, filters=16, widths=(2, 3, 4), lr=0.01):
    """Return the network: word vectors, filters of several widths side by side, softmax."""
    reader = {"nb_filter": filters, "padding": "same"}
    branches = [
        {
            "name": "chain",
            "config": {
                "layers": [
                    {"name": "conv1d", "config": {**reader, "filter_size": width}},
                    {"name": "global_max_pooling", "config": {}},
                ]
            },
        }
        for width in widths
    ]
    model = Model(seed=0)
    model.add("embedding", input_size=n_words, n_out=units)
    model.add("permute", dims=(2, 1))
    model.add("parallel", layers=branches, merge="concat")
    model.add("dropout", p=0.5)
    model.add("softmax", n_out=n_classes)
    model.compile("scce", {"name": "adam", "config": {"lr": lr}}, ["accuracy"])
    return model


def learn(path=FILE, n_words=2000, filters=16, batch=8, epochs=25, longest=25):
    """Return the held-out accuracy, and a function from text to label."""
    texts, labels = read(path)
    order = np.random.default_rng(1).permutation(len(texts))
    train, test = order[len(texts) // 5 :], order[: len(texts) // 5]
    counts = Counter(word for index in train for word in words(texts[index]))
    # Words that occur once stay unknown, so that the network learns what an unknown word means.
    often = [word for word, count in counts.most_common(n_words) if count > 1]
    known = {word: number for number, word in enumerate(often, start=2)}
    classes = sorted(set(labels))
    X = encoded(texts, known, longest)
    Y = np.array([classes.index(label) for label in labels])
    model = build(len(known) + 2, len(classes), filters=filters)
    model.fit(X[train], Y[train], epochs=epochs, batch_size=batch)

    def label_of(text):
        return classes[model.predict(encoded([text], known, longest))[0].argmax()]

    return model.evaluate(X[test], Y[test])["accuracy"], label_of


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--file", default=FILE, help="a table of text and label (default: questions.csv)")
    for name, value in {"words": 2000, "filters": 16, "batch": 8, "epochs": 25}.items():
        parser.add_argument(f"--{name}", type=int, default=value, help=f"(default: {value})")
    given = parser.parse_args()
    accuracy, label_of = learn(given.file, given.words, given.filters, given.batch, given.epochs)
    print(f"held-out accuracy {accuracy:.3f}")
    if given.file is FILE:
        for question in ("who planted the oldest tree", "where is the bell", "how many storks returned"):
            print(f"{question}? {label_of(question)}")
