"""What all optimizers around another optimizer share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from npdl_core import registry
from npdl_core.checks import check_int
from npdl_core.component import Component
from npdl_core.errors import ConfigError, FileFormatError, printable
from npdl_core.optimizers.base import Arrays
from npdl_core.optimizers.slots import Entries, Slots, check_scalars, is_array_key

__all__ = ["Wrapper"]

_INNER = "inner"


class Wrapper(Component):
    """An optimizer around another one, whose learning rate, counters and state it passes on.

    A subclass defines :meth:`update`, which calls :meth:`step`, and names the arrays and counters that it
    adds to the state.

    Parameters
    ----------
    optimizer : str, envelope or instance
        The optimizer inside.

    Attributes
    ----------
    slot_names : tuple of str
        State arrays that each parameter has.
    counters : tuple of str
        Attributes with whole numbers that belong to the state; they start at 0.
    """

    kind: ClassVar[str] = "optimizers"
    slot_names: ClassVar[tuple[str, ...]] = ()
    counters: ClassVar[tuple[str, ...]] = ()

    def __init__(self, optimizer: Any = "sgd") -> None:
        self.optimizer = registry.get("optimizers", optimizer)
        self._restart()

    def _restart(self) -> None:
        self._slots = Slots(str(self), self.slot_names)
        for name in self.counters:
            setattr(self, name, 0)

    # -- passed on -------------------------------------------------------------------------------------------

    @property
    def elementwise(self) -> bool:
        """Whether flat buffers may be passed."""
        return bool(getattr(self.optimizer, "elementwise", False))

    @property
    def weight_decay(self) -> float:
        """The weight decay of the optimizer inside."""
        return float(getattr(self.optimizer, "weight_decay", 0.0))

    @property
    def iterations(self) -> int:
        """Updates that the optimizer inside has done."""
        return int(self.optimizer.iterations)

    @property
    def grad_norm(self) -> float | None:
        """The norm of the gradients that the optimizer inside got, if it clips by it."""
        norm: float | None = self.optimizer.grad_norm
        return norm

    @property
    def epoch(self) -> int:
        """The current epoch."""
        return int(self.optimizer.epoch)

    @epoch.setter
    def epoch(self, value: int) -> None:
        self.optimizer.epoch = value

    @property
    def lr(self) -> Any:
        """The learning rate or its schedule."""
        return self.optimizer.lr

    @lr.setter
    def lr(self, value: Any) -> None:
        self.optimizer.lr = value

    def current_lr(self) -> float:
        """Return the rate of the last update, or of the first one if there was none yet."""
        return float(self.optimizer.current_lr())

    def swap(self, params: Arrays) -> None:
        """Exchange the parameters with those to evaluate with, if the optimizer inside has other ones."""
        swap = getattr(self.optimizer, "swap", None)
        if swap is not None:
            swap(params)

    # -- updates ---------------------------------------------------------------------------------------------

    @abstractmethod
    def update(self, params: Arrays, grads: Arrays, decay: Sequence[bool] | None = None) -> None:
        """Change ``params`` in place; arguments and errors are those of the optimizer inside."""

    def step(self, params: Arrays, grads: Arrays, decay: Sequence[bool] | None) -> bool:
        """Let the optimizer inside update; return whether it did: one that accumulates does not always."""
        before = self.iterations
        self.optimizer.update(params, grads, decay)
        return self.iterations != before

    # -- state -----------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """Forget all state, also that of the optimizer inside."""
        self.optimizer.reset()
        self._restart()

    def state(self) -> dict[str, Any]:
        """Return own counters and arrays, and those inside as ``"inner.lr"``, ``"0.inner.velocity"``."""
        inside = {_nested(key): value for key, value in self.optimizer.state().items()}
        return {**{name: getattr(self, name) for name in self.counters}, **self._slots.state(), **inside}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state` returned; everything is checked before anything is changed.

        Raises
        ------
        FileFormatError
            If entries are missing, unexpected or of the wrong type.
        """
        own, inside = _split(state)
        counters, entries = self._read(own)
        self.optimizer.load_state(inside)
        self._take(counters, entries)

    def _read(self, own: Mapping[str, Any]) -> tuple[dict[str, int], Entries]:
        check_scalars(self, own, ("n_params", *self.counters))
        try:
            counters = {name: check_int(name, own[name], 0, 2**53) for name in self.counters}
            return counters, self._slots.read(own)
        except ConfigError as error:
            raise FileFormatError(f"{self}: optimizer state: {printable(error)}") from None

    def _take(self, counters: Mapping[str, int], entries: Entries) -> None:
        for name, value in counters.items():
            setattr(self, name, value)
        self._slots.entries = entries


def _nested(key: str) -> str:
    """Return the key of an entry inside; array keys keep the parameter's index in front."""
    if not is_array_key(key):
        return f"{_INNER}.{key}"
    index, _, name = key.partition(".")
    return f"{index}.{_INNER}.{name}"


def _split(state: Any) -> tuple[Any, dict[str, Any]]:
    """Return own entries, and those inside under their own keys."""
    if not isinstance(state, Mapping):
        return state, {}
    own: dict[str, Any] = {}
    inside: dict[str, Any] = {}
    for key, value in state.items():
        first, _, rest = str(key).partition(".")
        second, _, name = rest.partition(".")
        if first == _INNER:
            inside[rest] = value
        elif first.isdecimal() and second == _INNER:
            inside[f"{first}.{name}"] = value
        else:
            own[key] = value
    return own, inside
