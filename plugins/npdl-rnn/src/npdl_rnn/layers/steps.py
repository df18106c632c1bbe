"""Layers run one time step at a time: their state is handed in and out, every application is kept apart."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import ConfigError, ShapeError
from npdl_core.layers.base import Layer
from npdl_rnn.layers.base import RecurrentLayer
from npdl_rnn.layers.sequence import State

__all__ = ["Cell", "LayerCell", "RecurrentCell", "Rows", "scattered", "taken", "whole_shape"]

Array = NDArray[Any]
Rows = NDArray[np.bool_] | None
"""Which samples (N,) a step is real for; None for all."""


class Cell(ABC):
    """A layer as one step: ``(x, state) -> (y, state)``, forwards and back."""

    @abstractmethod
    def connect(self, shape: Any) -> Any:
        """Connect the layer to one step's input of ``shape`` (N, ...) and return the output's shape."""

    def sizes(self) -> tuple[int, ...]:
        """Return the length of each state vector."""
        return ()

    @abstractmethod
    def begin(self, n_samples: int) -> None:
        """Draw what is the same at all steps of one training sequence, and count costs anew."""

    @abstractmethod
    def forward(self, x: Any, state: State, rows: Rows, train: bool) -> tuple[Any, State, Any]:
        """Return output, new state, and what :meth:`backward` needs."""

    @abstractmethod
    def backward(self, grad: Any, dstate: State, cache: Any) -> tuple[Any, State]:
        """Add to the gradients of parameters; return those of the input and of the state before."""

    @abstractmethod
    def reinforce(self, reward: Array) -> None:
        """Hand the reward (N,) of the step over that :meth:`backward` visits next."""

    @abstractmethod
    def spent(self) -> float:
        """Return what the steps since :meth:`begin` cost."""

    def mask_of(self, input: Any, mask: Any) -> Any:
        """Return the mask (N, T) that a whole sequence has behind this layer's input."""
        return mask


class LayerCell(Cell):
    """A layer without state over time: each step is an application of its own, of the real samples only."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        self._cost = 0.0
        self._reward: Array | None = None

    def connect(self, shape: Any) -> Any:
        """Connect the layer."""
        return self.layer.connect(shape).out_shape

    def begin(self, n_samples: int) -> None:
        """Count anew."""
        self._cost, self._reward = 0.0, None

    def forward(self, x: Any, state: State, rows: Rows, train: bool) -> tuple[Any, State, Any]:
        """Apply the layer, keeping its residuals of this step."""
        if train:
            self.layer.residuals = None
        output = self.layer.forward(taken(x, rows), train=train)
        if not train:
            return scattered(output, rows), (), None
        self._cost += self.layer.cost()
        return scattered(output, rows), (), (self.layer.residuals, rows)

    def backward(self, grad: Any, dstate: State, cache: Any) -> tuple[Any, State]:
        """Go back through that application and add its gradients to those already there."""
        self.layer.residuals, rows = cache
        if self._reward is not None:
            self.layer.reinforce(taken(self._reward, rows))
        parts = {id(p): p.grad for _, p in self.layer.named_parameters() if p.grad is not None}
        before = {key: part.copy() for key, part in parts.items()}
        self.layer.first_layer = False
        back = self.layer.backward(taken(grad, rows))
        for key, part in parts.items():
            part += before[key]
        return scattered(back, rows), ()

    def reinforce(self, reward: Array) -> None:
        """Keep the reward for the next backward."""
        self._reward = reward

    def spent(self) -> float:
        """Return the sum of the layer's costs."""
        return self._cost

    def mask_of(self, input: Any, mask: Any) -> Any:
        """Return the mask that a layer of ids makes, joined with the one that came."""
        found = self.layer.compute_mask(input, mask) if self.layer.integer_input else None
        return mask if found is None else found


class RecurrentCell(Cell):
    """A recurrent layer, or a stack of them."""

    def __init__(self, layer: RecurrentLayer) -> None:
        self.layer = layer
        for name, value, plain in (
            ("remember", layer.carried.mode, "neither"),
            ("bptt_steps", layer.bptt_steps, None),
            ("go_backwards", layer.go_backwards, False),
            ("return_state", layer.return_state, False),
        ):
            if value != plain:
                raise ConfigError(
                    f"{layer} is run step by step here, so {name} belongs to the layer around it"
                )

    def connect(self, shape: Any) -> Any:
        """Connect the layer to sequences of such steps."""
        self._out_step = self.layer.connect_step(shape)
        return (None, *self._out_step)

    def sizes(self) -> tuple[int, ...]:
        """Return the sizes of all levels' states, the lowest level first."""
        return self.layer.state_sizes() * self.layer.num_layers

    def begin(self, n_samples: int) -> None:
        """Draw the masks of dropout."""
        for level in self.layer.levels:
            level.begin_sequence(n_samples)

    def forward(self, x: Any, state: State, rows: Rows, train: bool) -> tuple[Any, State, Any]:
        """Do one step on every level; samples that are not real keep or reset their state."""
        real = None if rows is None else rows[:, None].astype(self.layer.dtype)
        new: list[Array] = []
        caches = []
        width = len(self.layer.state_sizes())
        for index, level in enumerate(self.layer.levels):
            x, scale = level.drop_inputs(x) if train else (x, None)
            after, cache = level.advance(
                _cleaned(x, rows), state[index * width : (index + 1) * width], real, train
            )
            new += after
            caches.append((cache, scale))
            x = after[0]
        return x.reshape(len(x), *self._out_step), tuple(new), (caches, rows, real)

    def backward(self, grad: Any, dstate: State, cache: Any) -> tuple[Any, State]:
        """Go back through every level."""
        caches, rows, real = cache
        width = len(self.layer.state_sizes())
        before: list[State] = []
        for index, level in reversed(list(enumerate(self.layer.levels))):
            first, *rest = dstate[index * width : (index + 1) * width]
            kept, scale = caches[index]
            dx, state = level.retreat((first + grad.reshape(first.shape), *rest), kept, real)
            grad = _cleaned(dx if scale is None else dx * scale, rows)
            before.insert(0, state)
        return grad, tuple(part for parts in before for part in parts)

    def reinforce(self, reward: Array) -> None:
        """Hand the reward to the layer's own step."""
        self.layer.reinforce_step(reward)

    def spent(self) -> float:
        """Return what the layer's own steps cost."""
        return self.layer.cost()


def _each(change: Callable[[Array], Array], value: Any) -> Any:
    return [change(part) for part in value] if isinstance(value, (list, tuple)) else change(value)


def taken(value: Any, rows: Rows) -> Any:
    """Return the real samples of an array, or of each of a list."""
    return value if rows is None else _each(lambda array: array[rows], value)


def scattered(value: Any, rows: Rows) -> Any:
    """Return samples at their places among all, zeros elsewhere; of an array, or of each of a list."""
    if rows is None or value is None:
        return value

    def placed(array: Array) -> Array:
        whole = np.zeros((len(rows), *array.shape[1:]), array.dtype)
        whole[rows] = array
        return whole

    return _each(placed, value)


def _cleaned(value: Any, rows: Rows) -> Any:
    """Return an array, or a list of them, with zeros where samples are not real."""
    if rows is None:
        return value
    return _each(lambda array: np.where(rows.reshape(-1, *[1] * (array.ndim - 1)), array, 0), value)


def whole_shape(shape: Any, who: str) -> tuple[int, ...]:
    """Return the sizes of one sample of a step.

    Raises
    ------
    ShapeError
        If there are several arrays, or a size is not known.
    """
    if isinstance(shape, list) or any(size is None for size in shape[1:]):
        raise ShapeError(f"{who}: a step must be one array whose sizes are known, got shape {shape}")
    return tuple(int(size) for size in shape[1:])
