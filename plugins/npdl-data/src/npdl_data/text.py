"""Windows of text for character language models."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from npdl_core.checks import check_bool, check_choice, check_int
from npdl_core.datasets import Dataset
from npdl_core.errors import ConfigError, DataError, MissingDependencyError, StateError, printable
from npdl_data.formats.bounded import check_budget, open_bounded, read_text
from npdl_data.installed import keep_optional_path
from npdl_data.parts import Part, Split, one_hot
from npdl_data.vocabulary import Vocabulary

__all__ = ["Text", "source_text"]

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "ascii", "latin-1", "cp1252")
TARGETS = ("sequence", "last")


class Text(Dataset):
    """Windows of characters, each with the characters that follow.

    X ``(N, T)`` int64: ids of T characters; Y ``(N, T)`` int64: ids of the characters one further, or
    ``(N,)``: of the one after the window. The test part is the text's tail; no window crosses the border.
    ``vocabulary`` holds the ids after :meth:`load`.

    Without a path the text is that of CPython's ``pydoc_data.topics``: some 465 000 characters of English
    about Python, which differ from one version of Python to the next.

    Parameters
    ----------
    path : str, optional
        A text file, plain or gzip.
    window : int
        T.
    step : int, optional
        From the start of one window to that of the next; T by default, so that each character is input once.
    target : {"sequence", "last"}
        Y for every step, or for the last one only.
    characters : str, optional
        The characters of the vocabulary, in the order of their ids, as in ``vocabulary.characters`` of
        another load. By default those of the training part, sorted; without ``reserve_zero`` those of the
        whole text.
    reserve_zero : bool
        Ids start at 1; 0 is for padding and for characters that are not in the vocabulary, such as one that
        occurs in the test part only. Otherwise ids start at 0.
    one_hot : bool
        Both X and Y as one-hot rows of float32, with C = ``len(vocabulary)`` as another last axis.
    encoding : {"utf-8", "utf-8-sig", "utf-16", "ascii", "latin-1", "cp1252"}
        Of the file.
    max_chars : int, optional
        Take only the first so many characters.
    test_split : float
        The fraction of the characters, at the end, in the test part, in [0, 1).
    shuffle : bool
        Shuffle the windows of the training part.
    seed : int
        Decides the order.
    streams : int, optional
        Cut each part into so many streams of consecutive windows, which batches of that size, not shuffled,
        follow: each window goes on where the one at its place in the batch before ended, for recurrent layers
        that carry state (``remember``). Windows that fill no whole batch are left out.

    Examples
    --------
    >>> data = Text(window=20, max_chars=5000)
    >>> (X, Y), (X_test, Y_test) = data.load()
    >>> X.shape, bool((X[:, 1:] == Y[:, :-1]).all())
    ((224, 20), True)
    >>> len(data.vocabulary.decode(X[0]))
    20
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        window: int = 64,
        step: int | None = None,
        target: str = "sequence",
        characters: str | None = None,
        reserve_zero: bool = True,
        one_hot: bool = False,
        encoding: str = "utf-8",
        max_chars: int | None = None,
        test_split: float = 0.1,
        shuffle: bool = False,
        seed: int = 0,
        streams: int | None = None,
    ) -> None:
        self.path = keep_optional_path(self, path)
        self.window = check_int("window", window, 1)
        self.step = self.window if step is None else check_int("step", step, 1)
        self.target = check_choice("target", target, TARGETS)
        self.reserve_zero = check_bool("reserve_zero", reserve_zero)
        self.characters = None if characters is None else _vocabulary(characters, self.reserve_zero)
        self.one_hot = check_bool("one_hot", one_hot)
        self.encoding = check_choice("encoding", encoding, ENCODINGS)
        self.max_chars = None if max_chars is None else check_int("max_chars", max_chars, 1)
        self.split = Split(test_split, shuffle, seed)
        self.streams = None if streams is None else check_int("streams", streams, 1)
        if self.streams is not None and (shuffle or self.step != self.window):
            raise ConfigError("streams are of windows one after the other; leave shuffle and step out")
        self._vocabulary: Vocabulary | None = None

    @property
    def vocabulary(self) -> Vocabulary:
        """The characters and their ids.

        Raises
        ------
        StateError
            Before :meth:`load`.
        """
        if self._vocabulary is None:
            raise StateError("text: the vocabulary is known after load()")
        return self._vocabulary

    def load(self) -> tuple[Part, Part]:
        """Return ``(X, Y), (X_test, Y_test)``.

        Raises
        ------
        DataError
            If the file cannot be read as text, a part is shorter than one window and its next character, or a
            character has no id.
        BudgetError
            If the windows would take too much memory.
        MissingDependencyError
            If no path is given and this Python has no ``pydoc_data.topics``.
        """
        text = source_text(self.path, self.encoding, self.max_chars)
        if not text:
            raise DataError("text: there are no characters")
        cut = len(text) - self.split.n_test(len(text))
        vocabulary = self.characters or Vocabulary(
            "".join(sorted(set(text[:cut] if self.reserve_zero else text))), self.reserve_zero
        )
        train = self.split.shuffled(self._windows(text[:cut], vocabulary, "training"))
        if self.split.test_split:
            test = self._windows(text[cut:], vocabulary, "test")
        else:
            test = tuple(array[:0] for array in train)
        self._vocabulary = vocabulary
        return train, test

    def _windows(self, text: str, vocabulary: Vocabulary, part: str) -> Part:
        width = self.window + 1
        if len(text) < width:
            raise DataError(
                f"text: the {part} part has {len(text)} characters, window={self.window} takes {width}; "
                "take a smaller window, more text or another test_split"
            )
        n_windows = (len(text) - width) // self.step + 1
        each = 4 * len(vocabulary) if self.one_hot else 8
        check_budget(
            2 * n_windows * self.window * each,
            f"{n_windows} windows of {self.window} characters",
            "take a larger step, fewer characters (max_chars), or ids and an embedding instead of one_hot",
        )
        windows = sliding_window_view(vocabulary.encode(text), width)[:: self.step]
        X, Y = windows[:, :-1], windows[:, 1:] if self.target == "sequence" else windows[:, -1]
        order = self._order(n_windows, part)
        if self.one_hot:
            return one_hot(X[order], len(vocabulary)), one_hot(Y[order], len(vocabulary))
        return X[order].copy(), Y[order].copy()

    def _order(self, n_windows: int, part: str) -> Any:
        """Return which windows there are, as they come in batches."""
        if self.streams is None:
            return slice(None)
        length = n_windows // self.streams
        if length == 0:
            raise DataError(
                f"text: the {part} part has {n_windows} windows, which are not enough for "
                f"{self.streams} streams; take fewer streams or a smaller window"
            )
        return np.arange(length * self.streams).reshape(self.streams, length).T.ravel()


def source_text(path: str | None, encoding: str, max_chars: int | None) -> str:
    """Return the text of a file, or without a path that of CPython's help."""
    if path is None:
        return _topics()[:max_chars]
    with open_bounded(Path(path)) as source:
        return read_text(source, encoding, max_chars)


def _vocabulary(characters: Any, reserve_zero: bool) -> Vocabulary:
    if not isinstance(characters, str):
        raise ConfigError(f"characters must be a string, got {printable(repr(characters), 80)}")
    return Vocabulary(characters, reserve_zero)


def _topics() -> str:
    """Return the help texts that CPython ships, in the order of their names."""
    try:
        topics: dict[str, str] = import_module("pydoc_data.topics").topics
    except ImportError as error:
        raise MissingDependencyError(
            "the text that is used without a path is CPython's pydoc_data.topics, which this Python lacks: "
            "give the path=… of a text file"
        ) from error
    return "\n".join(topics[name] for name in sorted(topics))
