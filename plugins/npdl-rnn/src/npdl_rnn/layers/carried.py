"""State that a recurrent layer keeps from one call to the next."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from npdl_core.checks import check_choice
from npdl_core.errors import StateError

__all__ = ["MODES", "CarriedState"]

MODES = ("neither", "train", "eval", "both")

Array = NDArray[Any]


class CarriedState:
    """Keeps the final state of a call for the next one, by mode.

    The state is a value: no gradient flows from one call into the one before. Switching between training and
    evaluation starts afresh. A state that was put in by hand starts the next call whatever the mode;
    evaluation that carries nothing leaves it in place, since it writes nothing.

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
        if self._state is None or self._train not in (None, train):
            return None
        if self._train is not None and not self.applies(train):
            return None
        if self._state[0].shape[-2] != n_samples:
            raise StateError(
                f"{who} carries the state of {self._state[0].shape[-2]} samples, got a batch of {n_samples}; "
                "call forget() between unrelated batches, or keep the batch size"
            )
        return self._state

    def keep(self, state: tuple[Array, ...], train: bool) -> None:
        """Take the final state of a call over, if the mode says so; training that carries none forgets."""
        if self.applies(train):
            self._state, self._train = tuple(array.copy() for array in state), train
        elif train:
            self.forget()

    def get(self) -> tuple[Array, ...] | None:
        """Return copies of the state."""
        return None if self._state is None else tuple(array.copy() for array in self._state)

    def put(self, state: tuple[Array, ...]) -> None:
        """Start the next call from ``state``."""
        self._state, self._train = tuple(array.copy() for array in state), None

    def snapshot(self) -> tuple[tuple[Array, ...], bool | None]:
        """Return copies of the state, empty if there is none, and in what kind of call it arose."""
        return self.get() or (), self._train

    def restore(self, state: tuple[Array, ...], train: bool | None) -> None:
        """Go back to the moment of a :meth:`snapshot`."""
        self._state = tuple(array.copy() for array in state) or None
        self._train = train

    def forget(self, samples: Any = None) -> None:
        """Drop the state, or zero it for the given samples.

        Raises
        ------
        StateError
            If there is no sample of such an index.
        """
        if samples is None:
            self._state, self._train = None, None
        elif self._state is not None:
            kept = tuple(array.copy() for array in self._state)
            try:
                for array in kept:
                    array[..., samples, :] = 0
            except IndexError:
                n_samples = kept[0].shape[-2]
                raise StateError(
                    f"the carried state has {n_samples} samples; cannot forget {samples}"
                ) from None
            self._state = kept
