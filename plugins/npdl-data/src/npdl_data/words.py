"""Sentences, words, and their ids."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import ConfigError, DataError, printable

__all__ = ["RESERVED", "WordVocabulary", "sentences", "tokenize"]

#: Names of the ids 0 to 3.
RESERVED = ("<pad>", "<start>", "<end>", "<unknown>")

_BORDER = re.compile(r"(?<=[.!?])\s+|\n\s*\n")
_TOKEN = re.compile(r"\w+(?:['\u2019-]\w+)*|[^\w\s]")


def sentences(text: str) -> list[str]:
    """Return the sentences of a text: up to ``.``, ``!`` or ``?`` and a space, or an empty line.

    Examples
    --------
    >>> sentences("He left! Why?  It's 3.14.")
    ['He left!', 'Why?', "It's 3.14."]
    """
    return [found for found in map(str.strip, _BORDER.split(text)) if found]


def tokenize(sentence: str) -> list[str]:
    """Return the words and signs of a sentence in small letters.

    Examples
    --------
    >>> tokenize("He left!"), tokenize("It's well-known")
    (['he', 'left', '!'], ["it's", 'well-known'])
    """
    return _TOKEN.findall(sentence.lower())


@dataclass(frozen=True)
class WordVocabulary:
    """Distinct words in the order of their ids, after four reserved ones.

    0 is padding, 1 the start of a sentence, 2 its end, 3 any word that is not among these.

    Parameters
    ----------
    words : sequence of str
        The words of the ids from 4.

    Examples
    --------
    >>> vocabulary = WordVocabulary.of([["he", "left", "!"], ["he", "was", "left"]], size=6)
    >>> vocabulary.words, len(vocabulary)
    (('he', 'left'), 6)
    >>> vocabulary.encode(["he", "ran"]), vocabulary.decode([1, 4, 5, 3, 2])
    (array([4, 3]), ['<start>', 'he', 'left', '<unknown>', '<end>'])
    """

    words: Sequence[str]
    _ids: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the words and index them."""
        words = tuple(self.words) if isinstance(self.words, (list, tuple)) else ()
        ids = {
            word: number for number, word in enumerate(words, start=len(RESERVED)) if isinstance(word, str)
        }
        if not words or len(ids) < len(words) or set(ids) & set(RESERVED):
            raise ConfigError(
                "a vocabulary needs distinct words, none of them reserved, got "
                f"{printable(repr(self.words), 80)}"
            )
        object.__setattr__(self, "words", words)
        object.__setattr__(self, "_ids", ids)

    @classmethod
    def of(cls, texts: Iterable[Iterable[str]], size: int) -> WordVocabulary:
        """Return the most frequent words of tokenized sentences, ``size`` ids with the reserved ones.

        Words that are equally frequent come in alphabetical order.
        """
        counts = Counter(word for text in texts for word in text)
        often = sorted(counts, key=lambda word: (-counts[word], word))
        return cls(tuple(often[: max(size - len(RESERVED), 0)]))

    def __len__(self) -> int:
        """Return the number of ids, the reserved ones included."""
        return len(self.words) + len(RESERVED)

    def encode(self, tokens: Iterable[str]) -> NDArray[np.int64]:
        """Return the ids (T,) of words; 3 for those that are not in the vocabulary."""
        return np.array([self._ids.get(token, 3) for token in tokens], np.int64)

    def decode(self, ids: Iterable[int]) -> list[str]:
        """Return the words of ids, the reserved ones by their names.

        Raises
        ------
        DataError
            If an id is out of range.
        """
        table = (*RESERVED, *self.words)
        found = [int(entry) for entry in ids]
        if found and not (min(found) >= 0 and max(found) < len(table)):
            raise DataError(f"ids from {min(found)} to {max(found)}, expected 0 to {len(table) - 1}")
        return [table[entry] for entry in found]
