"""What is a question about? A recurrent layer reads it word by word, and its last state answers.

A hundred questions of five kinds lie beside this script; any table with a text and a label in each row will
do, such as one of reviews and sentiments:

    python examples/recurrent_questions.py
    python examples/recurrent_questions.py --file tweets.csv --words 20000 --units 256 --batch 128 --epochs 20

Shorter texts are padded with 0, which the embedding's mask leaves out. Source: Element-Research rnn,
twitter_sentiment_rnn.
"""

import argparse
import csv
import re
from collections import Counter
from pathlib import Path

import numpy as np

from npdl_core import Model

FILE = Path(__file__).with_name("questions.csv")


def read(path=FILE):
    """Return texts and labels; the first line has the columns' names."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    return [row[0] for row in rows], [row[1] for row in rows]


def words(text):
    """Return the words of a text."""
    return re.findall(r"\w+", text.lower())


def encoded(texts, known, longest):
    """Return ids (N, T): 0 is padding, 1 any word that is not known."""
    ids = np.zeros((len(texts), longest), int)
    for row, text in zip(ids, texts, strict=True):
        numbers = [known.get(word, 1) for word in words(text)][:longest]
        row[: len(numbers)] = numbers
    return ids


def learn(path=FILE, n_words=2000, units=32, batch=8, epochs=30, longest=25, lr=0.01):
    """Return the held-out accuracy, and a function from text to label."""
    texts, labels = read(path)
    order = np.random.default_rng(1).permutation(len(texts))
    held = len(texts) // 5
    train, test = order[held:], order[:held]
    counts = Counter(word for index in train for word in words(texts[index]))
    often = [word for word, count in counts.most_common(n_words) if count > 1]
    known = {word: number for number, word in enumerate(often, start=2)}
    classes = sorted(set(labels))
    X = encoded(texts, known, longest)
    Z = np.array([classes.index(label) for label in labels])

    model = Model(seed=0)
    model.add("embedding", input_size=len(known) + 2, n_out=units, mask_zero=True)
    model.add("dropout", p=0.3)
    model.add("lstm", n_out=units)
    model.add("dropout", p=0.3)
    model.add("softmax", n_out=len(classes))
    model.compile("scce", {"name": "adam", "config": {"lr": lr, "clip_norm": 1.0}}, ["accuracy"])
    model.fit(X[train], Z[train], epochs=epochs, batch_size=batch)

    def label_of(text):
        return classes[model.predict(encoded([text], known, longest))[0].argmax()]

    return model.evaluate(X[test], Z[test])["accuracy"], label_of


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--file", default=FILE, help="a table of text and label (default: questions.csv)")
    for name, value in {"words": 2000, "units": 32, "batch": 8, "epochs": 30}.items():
        parser.add_argument(f"--{name}", type=int, default=value, help=f"(default: {value})")
    given = parser.parse_args()
    accuracy, label_of = learn(given.file, given.words, given.units, given.batch, given.epochs)
    print(f"held-out accuracy {accuracy:.3f}")
    if given.file is FILE:
        for question in ("who planted the oldest tree", "where is the bell", "how many storks returned"):
            print(f"{question}? {label_of(question)}")
