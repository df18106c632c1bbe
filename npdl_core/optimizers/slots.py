"""State arrays of optimizers: for each parameter, arrays of its shape and dtype by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_int
from npdl_core.errors import FileFormatError, ShapeError, printable

__all__ = ["Arrays", "Entries", "Slots", "check_scalars"]

Arrays = Sequence[NDArray[Any]]
Entries = list[dict[str, NDArray[Any]]]


class Slots:
    """The state arrays of one optimizer, or of a wrapper around one.

    Parameters
    ----------
    owner : str
        Whose state it is, for messages.
    names : sequence of str
        Which arrays each parameter has.
    """

    def __init__(self, owner: str, names: Sequence[str]) -> None:
        self.owner = owner
        self.names = tuple(names)
        self.entries: Entries = []

    def matching(self, params: Arrays) -> Entries:
        """Return the entries that belong to ``params``: zeros, not kept yet, where there are none.

        Raises
        ------
        ShapeError
            If the entries are those of other parameters.
        """
        if not self.entries or not self.names:
            return [{name: np.zeros(p.shape, p.dtype) for name in self.names} for p in params]
        if len(self.entries) != len(params):
            raise ShapeError(
                f"{self.owner}: its state is of {len(self.entries)} parameters, got {len(params)}; "
                "call reset() to start afresh with other ones"
            )
        for index, (p, entry) in enumerate(zip(params, self.entries, strict=True)):
            for name, array in entry.items():
                if array.shape != p.shape or array.dtype != p.dtype:
                    raise ShapeError(
                        f"{self.owner}: state {name!r} of parameter {index} is {array.shape} {array.dtype}, "
                        f"the parameter {p.shape} {p.dtype}; call reset() to start afresh with other ones"
                    )
        return self.entries

    def state(self) -> dict[str, Any]:
        """Return copies of the arrays by flat names (``"0.velocity"``), and how many parameters there are."""
        arrays = {
            f"{i}.{name}": a.copy() for i, entry in enumerate(self.entries) for name, a in entry.items()
        }
        return {"n_params": len(self.entries) if self.names else 0, **arrays}

    def read(self, state: Mapping[str, Any]) -> Entries:
        """Return copies of the arrays that :meth:`state` returned; nothing is kept yet.

        Raises
        ------
        FileFormatError
            If arrays are missing, unexpected, or something else than arrays of floats.
        """
        count = check_int("n_params", state["n_params"], 0)
        came = {key for key in state if is_array_key(key)}
        fits = count * len(self.names) == len(came) and (count == 0 or bool(self.names))
        wanted = {f"{index}.{name}" for index in range(count if fits else 0) for name in self.names}
        if not fits or came != wanted:
            shown = ", ".join(printable(key, 40) for key in sorted(came ^ wanted)[:5]) or "n_params"
            raise FileFormatError(
                f"{self.owner}: this is the state of another optimizer; they differ in {shown}"
            )
        for key in sorted(wanted):
            if not isinstance(state[key], np.ndarray) or state[key].dtype.kind != "f":
                raise FileFormatError(f"{self.owner}: state {printable(key, 40)} is no array of floats")
        return [{name: state[f"{i}.{name}"].copy() for name in self.names} for i in range(count)]


def is_array_key(key: object) -> bool:
    """Return whether a state's key is that of an array: it starts with the index of a parameter."""
    return isinstance(key, str) and key.partition(".")[0].isdecimal()


def check_scalars(owner: Any, state: Any, expected: Sequence[str]) -> None:
    """Check that a state is a mapping, and which entries it has beside arrays.

    Raises
    ------
    FileFormatError
        If it is none, or entries are missing or unexpected.
    """
    if not isinstance(state, Mapping):
        raise FileFormatError(f"{owner}: a state is a dict, got {printable(type(state).__name__)}")
    differing = {key for key in state if not is_array_key(key)} ^ set(expected)
    if differing:
        shown = ", ".join(printable(key, 40) for key in sorted(map(str, differing))[:5])
        raise FileFormatError(f"{owner}: this is the state of another optimizer; they differ in {shown}")
