"""What the programs beside this file learn from: nothing of it is downloaded."""

import csv
from pathlib import Path

import numpy as np

import npdl

QUESTIONS = Path(__file__).parents[1] / "questions.csv"


def digits():
    """Return scikit-learn's 1797 digits of 8 × 8, divided by their maximum, and one-hot labels."""
    from sklearn.datasets import load_digits

    X, labels = load_digits(return_X_y=True)
    return X / X.max(), npdl.utils.data.one_hot(labels)


def pictures():
    """Return the digits in MNIST's form: 28 × 28, each pixel three wide, with a margin of two."""
    X, Y = digits()
    large = np.kron(X.reshape(-1, 8, 8), np.ones((3, 3)))
    return np.pad(large, ((0, 0), (2, 2), (2, 2))), Y


def questions(length=20):
    """Return a hundred questions as ids, padded on the left with 0, their kinds, and the number of ids."""
    with open(QUESTIONS, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    rows = [rows[index] for index in np.random.RandomState(1).permutation(len(rows))]
    texts = [row[0].split() for row in rows]
    known = {word: number for number, word in enumerate(sorted({w for text in texts for w in text}), start=1)}
    X = np.zeros((len(texts), length), int)
    for row, text in zip(X, texts, strict=True):
        row[length - len(text) :] = [known[word] for word in text]
    kinds = sorted({row[1] for row in rows})
    return X, npdl.utils.data.one_hot(np.array([kinds.index(row[1]) for row in rows])), len(known) + 1


def characters(n_windows=800, length=30):
    """Return windows of one-hot characters from the questions' text, and the character that follows each."""
    with open(QUESTIONS, encoding="utf-8", newline="") as file:
        text = "\n".join(row[0] for row in list(csv.reader(file))[1:])
    signs = sorted(set(text))
    ids = np.array([signs.index(sign) for sign in text])
    starts = np.random.RandomState(1).randint(0, len(ids) - length, n_windows)
    windows = np.stack([ids[start : start + length + 1] for start in starts])
    encoded = npdl.utils.data.one_hot(windows, len(signs))
    return encoded[:, :-1], encoded[:, -1]
