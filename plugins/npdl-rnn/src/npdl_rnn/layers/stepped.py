"""The base of recurrent layers that are made of other layers."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import DataError, NotConnectedError, ShapeError
from npdl_rnn.layers.base import RecurrentLayer, Sequence, State
from npdl_rnn.layers.steps import Cell, Rows, whole_shape

__all__ = ["SteppedLayer", "blended", "blended_backward"]

Array = NDArray[Any]


class _Rewarded(NamedTuple):
    """A step's cache, and the reward that goes with it."""

    cache: Any
    reward: Array


class SteppedLayer(RecurrentLayer):
    """A recurrent layer whose step is computed by other layers, its cells.

    Steps may be arrays of any rank, or ids; states are kept flat. A subclass defines :meth:`cells`,
    :meth:`connect_cells`, :meth:`state_sizes`, :meth:`proceed` and :meth:`go_back`.
    """

    def __init__(
        self,
        return_sequence: bool = True,
        return_state: bool = False,
        go_backwards: bool = False,
        mask_mode: str = "carry",
        remember: str = "neither",
        bptt_steps: int | None = None,
    ) -> None:
        super().__init__(
            None, return_sequence=return_sequence, return_state=return_state, go_backwards=go_backwards,
            mask_mode=mask_mode, remember=remember, bptt_steps=bptt_steps,
        )  # fmt: skip
        self.n_out = 0  # known when the cells are connected
        self._reward: Array | None = None

    # -- what a subclass defines -----------------------------------------------------------------------------

    @property
    @abstractmethod
    def cells(self) -> list[Cell]:
        """The layers that compute a step."""

    @abstractmethod
    def connect_cells(self, shape: Any) -> Any:
        """Connect all cells to a step's input of ``shape`` and return the shape of the step's output."""

    @abstractmethod
    def proceed(self, x: Any, state: State, rows: Rows, train: bool) -> tuple[State, Any]:
        """Return the new state, the step's output first, and the cache."""

    @abstractmethod
    def go_back(self, dstate: State, cache: Any) -> tuple[Any, State]:
        """Add to all gradients; return those of the input and of the state before."""

    # -- shapes ----------------------------------------------------------------------------------------------

    def connect_to(self, prev_layer: Any = None) -> None:
        """Connect the cells to one step.

        Raises
        ------
        ShapeError
            If the input is no sequence, or a step's sizes are not known.
        """
        shape = self.incoming_shape(prev_layer)
        if isinstance(shape, list) or len(shape) < 2:
            raise ShapeError(f"{self} needs sequences of shape (N, T, ...), got {shape}")
        self.connect_step((shape[0], *shape[2:]))
        self.in_shape = shape
        self.set_out_shape(shape[0], shape[1])

    def set_out_shape(self, n_samples: int | None, n_steps: int | None) -> None:
        """Set ``out_shape`` for so many samples and steps."""
        out = (n_samples, n_steps, *self._out_step) if self.return_sequence else (n_samples, *self._out_step)
        states = [(n_samples, size) for size in self.state_sizes()]
        self.out_shape = [out, *states] if self.return_state else out  # type: ignore[assignment]

    def connect_step(self, shape: Any) -> tuple[int, ...]:
        """Connect the cells to one step (N, ...) and return the sizes of one step's output."""
        several = isinstance(shape, list)
        self._step_shape = None if several else whole_shape(shape, str(self))
        self._out_step = whole_shape(self.connect_cells(shape), str(self))
        self.n_out = math.prod(self._out_step)
        if not several:  # a list cannot come as a sequence, only from the layer around this one
            self.in_shape = (shape[0], None, *shape[1:])
            self.set_out_shape(shape[0], None)
        return self._out_step

    def step_width(self) -> int:
        """Return how many numbers the input of one step has."""
        return math.prod(self._step_shape or ())

    @property
    def input_dtype(self) -> Any:
        """Ids stay integers."""
        return np.dtype(np.int64) if self.integer_input else self.dtype

    def compute_mask(self, input: Any, mask: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
        """Return the mask if all steps are returned, in their order; None otherwise."""
        return super().compute_mask(input, self.mask_of(input, mask))

    def mask_of(self, input: Any, mask: Any) -> Any:
        """Return the mask that the first layer makes of ids, joined with the one that came."""
        return self.cells[0].mask_of(input, mask)

    # -- sequences -------------------------------------------------------------------------------------------

    def run_state(self, input: Any, train: bool, mask: Any, given: Any) -> tuple[Array, State]:
        """Return the output and the final state."""
        if self.in_shape is None:
            raise NotConnectedError(f"{self} has no parameters yet; connect it, or put it into a model")
        if input.shape[2:] != self._step_shape:
            expected = ", ".join(map(str, ("N", "T", *(self._step_shape or ()))))
            raise ShapeError(f"{self} needs sequences of shape ({expected}), got {input.shape}")
        mask = self.mask_of(input, mask)
        flat = input.reshape(*input.shape[:2], self.step_width())
        output, final = super().run_state(flat, train, mask, given)
        return output.reshape(*output.shape[:-1], *self._out_step), final

    def backward_state(self, pre_grad: Any, dfinal: Any) -> tuple[Array | None, State]:
        """Return the gradients of input and initial state, also for gradients of the final state."""
        grads = list(pre_grad) if self.return_state and pre_grad is not None else [pre_grad]
        if grads[0] is not None:
            lead = grads[0].ndim - len(self._out_step)
            grads[0] = grads[0].reshape(*grads[0].shape[:lead], self.n_out)
        dx, before = super().backward_state(grads if self.return_state else grads[0], dfinal)
        return (None if dx is None else dx.reshape(*dx.shape[:2], *(self._step_shape or ()))), before

    def begin_sequence(self, n_samples: int) -> None:
        """Prepare all cells."""
        self._reward = None
        for cell in self.cells:
            cell.begin(n_samples)

    def clear_gradients(self) -> None:
        """Zero the gradients of all layers below."""
        for _, parameter in self.named_parameters():
            if parameter.grad is not None:
                parameter.grad[...] = 0

    def cost(self) -> float:
        """Return the sum of what the layers' steps cost in the last training forward."""
        return sum(cell.spent() for cell in self.cells)

    # -- steps -----------------------------------------------------------------------------------------------

    def advance(self, x: Any, state: State, real: Array | None, train: bool) -> tuple[State, Any]:
        """Do one step of which ``real`` (N, 1) says where it counts."""
        if self._step_shape is not None:
            x = x.reshape(len(x), *self._step_shape)
        rows = None if real is None or real.all() else real[:, 0] > 0
        return self.proceed(x, state, rows, train)

    def retreat(self, dstate: State, cache: Any, real: Array | None) -> tuple[Any, State]:
        """Go back through one :meth:`advance`."""
        if isinstance(cache, _Rewarded):
            self.reinforce_step(cache.reward)
            cache = cache.cache
        return self.go_back(dstate, cache)

    def step(self, x: Array, state: State, train: bool) -> tuple[State, Any]:
        """Return the new state and the step's cache, all samples being real."""
        return self.advance(x, state, None, train)

    def step_backward(self, dstate: State, cache: Any) -> tuple[Array, State]:
        """Go back through one :meth:`step`."""
        return self.retreat(dstate, cache, None)

    # -- rewards ---------------------------------------------------------------------------------------------

    def reinforce(self, reward: NDArray[Any]) -> None:
        """Take a reward for all steps (N,), or one for each (N, K), which belong to the last K steps."""
        self._reward = np.asarray(reward)

    def reinforce_step(self, reward: Array) -> None:
        """Hand a step's reward (N,) to the layers below."""
        for cell in self.cells:
            cell.reinforce(reward)

    def backward_sequence(
        self, dh: Array, dstate: State, sequence: Sequence, cache: Any
    ) -> tuple[Array | None, State]:
        """Return the gradients of inputs and initial state, handing each step its reward."""
        if self._reward is not None:
            rewards = self._rewards(*sequence.x.shape[:2])
            cache = [_Rewarded(kept, reward) for kept, reward in zip(cache, rewards, strict=True)]
        return super().backward_sequence(dh, dstate, sequence, cache)

    def _rewards(self, n_steps: int, n_samples: int) -> list[Array]:
        reward = np.asarray(self._reward)
        if reward.ndim == 1:
            reward = np.repeat(reward[:, None], n_steps, axis=1)
        if reward.ndim != 2 or len(reward) != n_samples or reward.shape[1] > n_steps:
            raise DataError(
                f"{self}: a reward must have shape ({n_samples},), or ({n_samples}, K) for the last K of "
                f"{n_steps} steps, got {reward.shape}"
            )
        first = np.zeros((n_samples, n_steps - reward.shape[1]), reward.dtype)
        return list(np.concatenate([first, reward], axis=1).T)


def blended(new: Array, old: Array, rows: Rows, mask_mode: str) -> Array:
    """Return the new state where a step is real, else the old one, or zeros with ``mask_mode="reset"``."""
    if rows is None:
        return new
    return np.where(rows[:, None], new, 0 if mask_mode == "reset" else old)


def blended_backward(grad: Array, rows: Rows, mask_mode: str) -> tuple[Array, Array]:
    """Return the gradients of the new and of the old state."""
    if rows is None:
        return grad, np.zeros_like(grad)
    passed = np.zeros_like(grad) if mask_mode == "reset" else np.where(rows[:, None], 0, grad)
    return np.where(rows[:, None], grad, 0), passed
