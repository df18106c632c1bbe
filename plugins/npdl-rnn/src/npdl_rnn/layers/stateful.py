"""The state of a recurrent layer: its shapes, and its life between calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import ConfigError, ShapeError, WeightsError, printable
from npdl_core.initializers.base import Given
from npdl_core.layers.base import Layer
from npdl_rnn.layers.carried import CarriedState

__all__ = ["Stateful"]

Array = NDArray[Any]
State = tuple[Array, ...]


class Stateful(Layer):
    """A layer, or a stack of them, whose state can be looked at, set, carried and forgotten."""

    n_out: int
    num_layers: int

    def __init__(self, remember: str) -> None:
        self.carried = CarriedState(remember)

    def state_sizes(self) -> tuple[int, ...]:
        """Return the length of each state vector."""
        return (self.n_out,)

    @property
    def stateful(self) -> bool:  # type: ignore[override]
        """Whether inference writes carried state."""
        return self.carried.mode in ("eval", "both")

    # -- life between calls ----------------------------------------------------------------------------------

    def remember_mode(self, mode: str) -> None:
        """Choose when the final state starts the next call: neither, train, eval or both."""
        self.carried.set_mode(mode)

    def forget(self, samples: Any = None) -> None:
        """Drop the carried state, of all samples or of those given by index."""
        self.carried.forget(samples)

    def get_state(self) -> State | None:
        """Return copies of the carried state's arrays, None if there is none."""
        return self.carried.get()

    def set_state(self, state: Any) -> None:
        """Start the next call from ``state``: one array, or a tuple of them for cells with several.

        Raises
        ------
        ShapeError
            If an array is not (N, H), or (L, N, H) for a stack of L layers.
        """
        self.carried.put(self._checked(state if isinstance(state, (tuple, list)) else (state,), None))

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps of the carried state."""
        arrays, train = self.carried.snapshot()
        return {"train": train, **{str(index): array for index, array in enumerate(arrays)}} if arrays else {}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go back to the moment of :meth:`state`.

        Raises
        ------
        WeightsError
            If it is not a state of this layer.
        """
        names = [str(index) for index in range(len(self.state_sizes()))]
        if not state:
            self.carried.restore((), None)
        elif set(state) != {"train", *names} or not isinstance(state["train"], bool | None):
            raise WeightsError(f"{self}: the carried state is malformed ({printable(list(state), 80)})")
        else:
            self.carried.restore(self._checked([state[name] for name in names], None), state["train"])

    def initial_state(self, n_samples: int, train: bool, given: Sequence[Any]) -> State:
        """Return the state before the first step: what is given, else what is carried, else zeros."""
        start: list[Any] = list(given) + [None] * (len(self.state_sizes()) - len(given))
        if any(array is None for array in start):
            carried = self.carried.start(n_samples, train, str(self)) or self.zero_state(n_samples)
            start = [b if a is None else a for a, b in zip(start, carried, strict=True)]
        return self._checked(start, n_samples)

    # -- shapes ----------------------------------------------------------------------------------------------

    def zero_state(self, n_samples: int) -> State:
        """Return a state of zeros."""
        return tuple(np.zeros(self._shape(n_samples, size), self.dtype) for size in self.state_sizes())

    def by_level(self, state: State) -> list[State]:
        """Return the state of each layer of the stack."""
        if self.num_layers == 1:
            return [state]
        return [tuple(array[index] for array in state) for index in range(self.num_layers)]

    def stacked(self, states: list[State]) -> State:
        """Return the states of all layers of the stack as one."""
        return (
            states[0] if len(states) == 1 else tuple(np.stack(parts) for parts in zip(*states, strict=True))
        )

    def _shape(self, n_samples: Any, size: int) -> tuple[Any, ...]:
        return (n_samples, size) if self.num_layers == 1 else (self.num_layers, n_samples, size)

    def _checked(self, arrays: Sequence[Any], n_samples: int | None) -> State:
        sizes = self.state_sizes()
        if len(arrays) != len(sizes):
            raise ShapeError(f"{self}: the state has {len(sizes)} arrays, got {len(arrays)}")
        checked = [np.asarray(array, self.dtype) for array in arrays]
        rank = len(self._shape(0, 0))
        for array, size in zip(checked, sizes, strict=True):
            n = n_samples if n_samples is not None or checked[0].ndim < 2 else checked[0].shape[-2]
            if array.ndim != rank or array.shape != self._shape(n, size):
                expected = self._shape("N" if n is None else n, size)
                shown = ", ".join(map(str, expected))
                raise ShapeError(f"{self}: a state must have shape ({shown}), got {array.shape}")
        return tuple(checked)

    # -- copies of another form ------------------------------------------------------------------------------

    def variant(self, **changes: Any) -> Self:
        """Return a new layer of this configuration with some entries changed.

        Raises
        ------
        ConfigError
            If the configuration holds arrays: two layers cannot both begin with them.
        """
        for name, value in self.config.items():
            if isinstance(value, np.ndarray) or isinstance(self.__dict__.get(name), Given):
                raise ConfigError(
                    f"{self}: {name} is an array, which is right for one layer only; "
                    "use an initializer's name, or make the layers one by one"
                )
        own: dict[str, Any] = {
            name: value.clone() if isinstance(value, Layer) else value for name, value in self.config.items()
        }
        config = own | {name: value for name, value in changes.items() if name in own}
        return type(self)(**config)
