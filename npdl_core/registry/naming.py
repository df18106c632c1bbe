"""How names are written, compared and matched."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["CORE", "LOCAL", "closest", "fold", "fold_distribution", "singular", "snake_case", "split"]

CORE = "npdl-core"
LOCAL = "local"

_LONGEST = 100
_DISTRIBUTION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_SEPARATORS = str.maketrans("", "", "_- ")


def fold(name: str) -> str:
    """Return the form in which names are compared: lower case without ``_``, ``-`` and spaces.

    Examples
    --------
    >>> fold("Batch_LSTM") == fold("batch lstm") == fold("BatchLSTM")
    True
    """
    return name.translate(_SEPARATORS).lower()


def is_name(name: object) -> bool:
    """Return whether a component can have this name: ASCII letters and digits, apart from separators."""
    folded = fold(name) if isinstance(name, str) and len(name) <= _LONGEST else ""
    return folded.isascii() and folded.isalnum()


def is_distribution(name: object) -> bool:
    """Return whether a distribution can have this name (PEP 508)."""
    return isinstance(name, str) and len(name) <= _LONGEST and _DISTRIBUTION.fullmatch(name) is not None


def fold_distribution(name: str) -> str:
    """Return a distribution's name as PEP 503 normalises it.

    Examples
    --------
    >>> fold_distribution("NPDL_rnn")
    'npdl-rnn'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def split(spec: str) -> tuple[str | None, str] | None:
    """Return the normalised distribution, if any, and the folded name; None if no component can be called so.

    Examples
    --------
    >>> split("npdl_rnn:LSTM"), split("lstm"), split("../lstm")
    (('npdl-rnn', 'lstm'), (None, 'lstm'), None)
    """
    distribution, colon, name = spec.rpartition(":")
    if not is_name(name) or (colon and not is_distribution(distribution)):
        return None
    return (fold_distribution(distribution) if colon else None), fold(name)


def closest(name: str, candidates: Iterable[str], count: int = 3) -> list[str]:
    """Return the candidates most like ``name``, best first, compared in folded form."""
    import difflib

    if len(name) > _LONGEST:
        return []
    folded: dict[str, str] = {}
    for candidate in candidates:
        folded.setdefault(fold(candidate), candidate)
    return [folded[match] for match in difflib.get_close_matches(fold(name), folded, count)]


def singular(kind: str) -> str:
    """Return what one component of a kind is called.

    Examples
    --------
    >>> singular("layers")
    'layer'
    """
    return kind.removesuffix("s")


def snake_case(name: str) -> str:
    """Return a class name in the spelling of component names.

    Examples
    --------
    >>> snake_case("BatchLSTM"), snake_case("SimpleRNN")
    ('batch_lstm', 'simple_rnn')
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
