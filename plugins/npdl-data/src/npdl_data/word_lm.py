"""Sentences for word language models."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from npdl_core.checks import check_choice, check_int
from npdl_core.datasets import Dataset
from npdl_core.errors import DataError, StateError
from npdl_data.formats.bounded import check_budget
from npdl_data.installed import keep_optional_path
from npdl_data.parts import Part, Split
from npdl_data.text import ENCODINGS, source_text
from npdl_data.words import RESERVED, WordVocabulary, sentences, tokenize

__all__ = ["WordLM"]


class WordLM(Dataset):
    """Sentences as word ids, each with the same sentence one word further.

    X ``(N, T)`` int64: the start (1), then the words; Y ``(N, T)`` int64: the words, then the end (2); mask
    ``(N, T)`` bool, true at real steps, which come first. Words that are not in the vocabulary are 3. The
    test part is the text's last sentences; ``vocabulary`` holds the words after :meth:`load`.

    Parameters
    ----------
    path : str, optional
        A text file, plain or gzip; without one the text is that of CPython's ``pydoc_data.topics``.
    vocabulary_size : int
        How many ids there are at most, the four reserved ones included: the most frequent words of the
        training part.
    words : list of str, optional
        The vocabulary, as in ``vocabulary.words`` of another load, instead.
    max_length : int
        T at most: of a longer sentence only the beginning is taken, which then has no end.
    encoding : {"utf-8", "utf-8-sig", "utf-16", "ascii", "latin-1", "cp1252"}
        Of the file.
    max_chars : int, optional
        Take only the first so many characters.
    test_split : float
        The fraction of the sentences, at the end, in the test part, in [0, 1).
    shuffle : bool
        Shuffle the sentences of the training part.
    seed : int
        Decides the order.

    Examples
    --------
    >>> data = WordLM(vocabulary_size=100, max_length=12, max_chars=5000)
    >>> (X, Y, mask), _ = data.load()
    >>> X.shape[1], int(X[0, 0]), bool((X[:, 1:] == Y[:, :-1])[mask[:, 1:]].all())
    (12, 1, True)
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        vocabulary_size: int = 8000,
        words: Any = None,
        max_length: int = 50,
        encoding: str = "utf-8",
        max_chars: int | None = None,
        test_split: float = 0.1,
        shuffle: bool = False,
        seed: int = 0,
    ) -> None:
        self.path = keep_optional_path(self, path)
        self.vocabulary_size = check_int("vocabulary_size", vocabulary_size, len(RESERVED) + 1)
        self.words = None if words is None else WordVocabulary(words)
        self.max_length = check_int("max_length", max_length, 1)
        self.encoding = check_choice("encoding", encoding, ENCODINGS)
        self.max_chars = None if max_chars is None else check_int("max_chars", max_chars, 1)
        self.split = Split(test_split, shuffle, seed)
        self._vocabulary: WordVocabulary | None = None

    @property
    def vocabulary(self) -> WordVocabulary:
        """The words and their ids.

        Raises
        ------
        StateError
            Before :meth:`load`.
        """
        if self._vocabulary is None:
            raise StateError("word_lm: the vocabulary is known after load()")
        return self._vocabulary

    def load(self) -> tuple[Part, Part]:
        """Return ``(X, Y, mask), (X_test, Y_test, mask_test)``.

        Raises
        ------
        DataError
            If the file cannot be read as text, or has too few sentences.
        BudgetError
            If the sentences would take too much memory.
        MissingDependencyError
            If no path is given and this Python has no ``pydoc_data.topics``.
        """
        text = source_text(self.path, self.encoding, self.max_chars)
        texts = [tokens for tokens in map(tokenize, sentences(text)) if tokens]
        if not texts:
            raise DataError("word_lm: there are no words")
        cut = len(texts) - self.split.n_test(len(texts))
        vocabulary = self.words or WordVocabulary.of(texts[:cut], self.vocabulary_size)
        X, Y, mask = self._arrays(texts, vocabulary)
        self._vocabulary = vocabulary
        return self.split.shuffled((X[:cut], Y[:cut], mask[:cut])), (X[cut:], Y[cut:], mask[cut:])

    def _arrays(self, texts: list[list[str]], vocabulary: WordVocabulary) -> Part:
        width = min(self.max_length, max(map(len, texts)) + 1)
        check_budget(
            17 * len(texts) * width,
            f"{len(texts)} sentences of {width} words",
            "take a smaller max_length or fewer characters (max_chars)",
        )
        ids = np.zeros((len(texts), width + 1), np.int64)
        for row, tokens in zip(ids, texts, strict=True):
            whole = [1, *vocabulary.encode(tokens[:width]), 2][: width + 1]
            row[: len(whole)] = whole
        Y = ids[:, 1:].copy()
        mask = Y != 0
        return np.where(mask, ids[:, :-1], 0), Y, mask
