"""Characters and their ids."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import ConfigError, DataError, printable

__all__ = ["Vocabulary"]

_CODEC = "utf-32-le"


def _codes(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode(_CODEC, "surrogatepass"), dtype="<u4")


@dataclass(frozen=True)
class Vocabulary:
    """Distinct characters in the order of their ids.

    Parameters
    ----------
    characters : str
        The characters.
    reserve_zero : bool
        Ids start at 1, and 0 means padding or a character that is not among them; otherwise ids start at 0,
        and other characters are an error.

    Examples
    --------
    >>> vocabulary = Vocabulary("abc")
    >>> vocabulary.encode("cab!"), len(vocabulary)
    (array([3, 1, 2, 0]), 4)
    >>> vocabulary.decode([3, 1, 2])
    'cab'
    """

    characters: str
    reserve_zero: bool = True
    _sorted: NDArray[np.uint32] = field(init=False, repr=False, compare=False)
    _order: NDArray[np.intp] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the characters and index them."""
        if not self.characters or len(set(self.characters)) < len(self.characters):
            raise ConfigError(
                f"a vocabulary needs distinct characters, got {printable(repr(self.characters), 80)}"
            )
        codes = _codes(self.characters)
        object.__setattr__(self, "_order", np.argsort(codes))
        object.__setattr__(self, "_sorted", codes[self._order])

    def __len__(self) -> int:
        """Return the number of ids, the reserved one included."""
        return len(self.characters) + self.reserve_zero

    def encode(self, text: str) -> NDArray[np.int64]:
        """Return the ids ``(len(text),)`` of int64.

        Raises
        ------
        DataError
            If a character has no id.
        """
        codes = _codes(text)
        place = np.minimum(np.searchsorted(self._sorted, codes), len(self._sorted) - 1)
        ids = self._order[place].astype(np.int64) + self.reserve_zero
        unknown = self._sorted[place] != codes
        if self.reserve_zero:
            ids[unknown] = 0
        elif unknown.any():
            raise DataError(
                f"character {printable(ascii(text[int(unknown.argmax())]))} is not in the vocabulary; "
                "reserve_zero=True gives such characters the id 0"
            )
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of ids; the reserved id reads as U+FFFD.

        Raises
        ------
        DataError
            If an id is out of range.
        """
        table = "\ufffd" * self.reserve_zero + self.characters
        found = [int(entry) for entry in ids]
        if found and not (min(found) >= 0 and max(found) < len(table)):
            raise DataError(f"ids from {min(found)} to {max(found)}, expected 0 to {len(table) - 1}")
        return "".join(table[entry] for entry in found)
