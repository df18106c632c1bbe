"""A recurrent layer out of any layer that maps input and state to a state."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_shape
from npdl_core.errors import ConfigError, ShapeError, printable
from npdl_core.layers.base import Layer
from npdl_core.layers.containers import Chain, Parallel
from npdl_rnn.layers.base import State
from npdl_rnn.layers.step_of import cell_of
from npdl_rnn.layers.stepped import SteppedLayer, blended, blended_backward
from npdl_rnn.layers.steps import Cell, Rows

__all__ = ["Recurrence"]

Array = NDArray[Any]


class Recurrence(SteppedLayer):
    r"""Feed any layer with its own last output: :math:`y_t = f([x_t, y_{t-1}])`, :math:`y_0 = 0`.

    Parameters
    ----------
    layer : str, envelope or Layer
        f: a layer of several inputs, such as a ``chain`` of ``concat`` and ``dense``; recurrent layers in it
        are stepped and keep states of their own.
    state_shape : int, sequence of int, or list of such sequences
        Shape of y without the batch axis. With a list of several shapes f gets :math:`[x, y^1, y^2, …]` and
        returns :math:`[y^1, y^2, …]`, of which :math:`y^1` is the output.
    return_sequence : bool
        Return all outputs (N, T, ...) instead of the last one (N, ...).
    return_state, go_backwards, mask_mode, remember, bptt_steps
        See :class:`~npdl_rnn.RecurrentLayer`.

    Notes
    -----
    Input (N, T, ...) of steps as f takes them, or ids (N, T) where f begins with ``parallel`` and an
    ``embedding``. The state is each y, flat, then what the recurrent layers in f keep. Source: Léonard et
    al., rnn: recurrent library for Torch, 2015.

    Raises
    ------
    ShapeError
        On connecting, if f's output does not have the shape of its state.

    Examples
    --------
    >>> step = {"name": "chain", "config": {"layers": ["concat", {"name": "dense", "config": {"n_out": 4}}]}}
    >>> Recurrence(step, state_shape=4, return_sequence=True).connect((None, None, 3)).out_shape
    (None, None, 4)
    """

    def __init__(
        self,
        layer: Any,
        state_shape: Any,
        return_sequence: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        mask_mode: str = "carry",
        remember: str = "neither",
        bptt_steps: int | None = None,
    ) -> None:
        super().__init__(return_sequence, return_state, go_backwards, mask_mode, remember, bptt_steps)
        self.shapes = _state_shapes(state_shape)
        self.add_layer("layer", layer)
        self.integer_input = _reads_ids(self.layer)
        self.per_sample = getattr(self.layer, "per_sample", True)
        self.cell = cell_of(self.layer)

    @property
    def cells(self) -> list[Cell]:
        """The one layer."""
        return [self.cell]

    def mask_of(self, input: Any, mask: Any) -> Any:
        """Return the mask that came: the layer sees more than the input."""
        return mask

    def state_sizes(self) -> tuple[int, ...]:
        """Return the lengths of all y, and of the states in the layer."""
        return (*(math.prod(shape) for shape in self.shapes), *self.cell.sizes())

    def connect_cells(self, shape: Any) -> Any:
        """Connect the layer to an input and the states."""
        inputs = list(shape) if isinstance(shape, list) else [shape]
        found = self.cell.connect([*inputs, *((None, *state) for state in self.shapes)])
        outputs = [tuple(one[1:]) for one in (found if isinstance(found, list) else [found])]
        if outputs != self.shapes:
            raise ShapeError(
                f"{self}: {self.layer} turns states of shape {self.shapes} into {outputs}; "
                "state_shape must be that of the layer's output"
            )
        return (None, *self.shapes[0])

    def proceed(self, x: Any, state: State, rows: Rows, train: bool) -> tuple[State, Any]:
        """Return each y, the layer's other state, and the cache."""
        own, inner = state[: len(self.shapes)], state[len(self.shapes) :]
        inputs = list(x) if isinstance(x, list) else [x]
        fed = [array.reshape(len(array), *shape) for array, shape in zip(own, self.shapes, strict=True)]
        output, after, cache = self.cell.forward([*inputs, *fed], inner, rows, train)
        outputs = output if isinstance(output, list) else [output]
        new = [
            blended(part.reshape(old.shape), old, rows, self.mask_mode)
            for part, old in zip(outputs, own, strict=True)
        ]
        return (*new, *after), (cache, rows, isinstance(output, list), isinstance(x, list))

    def go_back(self, dstate: State, cache: Any) -> tuple[Any, State]:
        """Go back through the layer's step."""
        kept, rows, several, many_inputs = cache
        count = len(self.shapes)
        parts = [blended_backward(part, rows, self.mask_mode) for part in dstate[:count]]
        grads = [grad.reshape(len(grad), *shape) for (grad, _), shape in zip(parts, self.shapes, strict=True)]
        back, before = self.cell.backward(grads if several else grads[0], dstate[count:], kept)
        inputs, states = back[:-count], back[-count:]
        own = [part.reshape(passed.shape) + passed for part, (_, passed) in zip(states, parts, strict=True)]
        return (inputs if many_inputs else inputs[0]), (*own, *before)


def _state_shapes(value: Any) -> list[tuple[int, ...]]:
    """Return the shape of each state array."""
    if isinstance(value, (int, np.integer)):
        value = [value]
    if not isinstance(value, (list, tuple)) or not value:
        raise ConfigError(
            f"state_shape must be a number, a shape, or a list of shapes, got {printable(repr(value), 60)}"
        )
    several = all(isinstance(shape, (list, tuple)) for shape in value)
    shapes = [check_shape("state_shape", shape) for shape in (value if several else [value])]
    return [tuple(int(size or 0) for size in shape) for shape in shapes]


def _reads_ids(layer: Layer) -> bool:
    """Return whether the first input of a layer is ids."""
    if isinstance(layer, (Chain, Parallel)) and not layer.integer_input:
        return _reads_ids(layer.members[0])
    return layer.integer_input
