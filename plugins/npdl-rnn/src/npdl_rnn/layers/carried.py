"""State that a recurrent layer keeps from one call to the next."""

from __future__ import annotations

from typing import Any

from npdl_core.checks import check_choice
from npdl_core.errors import StateError
from numpy.typing import NDArray

__all__ = ["MODES", "CarriedState"]

MODES = ("neither", "train", "eval", "both")

Array = NDArray[Any]


class CarriedState:
    """Keeps the final state of a call for the next one, by mode.

    The state is a value: no gradient flows from one call into the one before. Switching between training and
    evaluation forgets once; a state that was put in by hand is used by the next call whatever the mode.

    Parameters
    ----------
    mode : str
        ``"neither"``, ``"train"``, ``"eval"`` or ``"both"``.

    Examples
    --------
    >>> import numpy as np
    >>> carried = CarriedState("train")
    >>> carried.keep((np.ones((1, 2)),), train=True)
    >>> carried.start(1, True, "rnn")[0]
    array([[1., 1.]])
    """

    def __init__(self, mode: str = "neither") -> None:
        self.set_mode(mode)
        self._state: tuple[Array, ...] | None = None
        self._train: bool | None = None
        self._given = False

    def set_mode(self, mode: str) -> None:
        """Choose the mode."""
        self.mode = check_choice("remember", mode, MODES)

    def applies(self, train: bool) -> bool:
        """Return whether calls of this kind carry state."""
        return self.mode == "both" or self.mode == ("train" if train else "eval")

    def start(self, n_samples: int, train: bool, who: str) -> tuple[Array, ...] | None:
        """Return the state to start a call from, None for zeros.

        Raises
        ------
        StateError
            If it belongs to another batch size.
        """
        if self._state is None:
            return None
        if not self._given and (self._train is not train or not self.applies(train)):
            return None
        if self._state[0].shape[0] != n_samples:
            raise StateError(
                f"{who} carries the state of {self._state[0].shape[0]} samples, got a batch of {n_samples}; "
                "call forget() between unrelated batches, or keep the batch size"
            )
        return self._state

    def keep(self, state: tuple[Array, ...], train: bool) -> None:
        """Take the final state of a call over, if the mode says so."""
        if self.applies(train):
            self._state, self._train = tuple(array.copy() for array in state), train
            self._given = False
        elif self._given and train:
            self.forget()

    def get(self) -> tuple[Array, ...] | None:
        """Return copies of the state."""
        return None if self._state is None else tuple(array.copy() for array in self._state)

    def put(self, state: tuple[Array, ...]) -> None:
        """Start the next call from ``state``."""
        self._state, self._given = tuple(array.copy() for array in state), True

    def forget(self, samples: Any = None) -> None:
        """Drop the state, or zero it for the given samples."""
        if samples is None:
            self._state, self._train, self._given = None, None, False
        elif self._state is not None:
            for array in self._state:
                array[samples] = 0
