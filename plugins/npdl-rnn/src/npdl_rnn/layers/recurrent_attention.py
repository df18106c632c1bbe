"""Look, decide where to look next, look again."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_bool, check_shape
from npdl_core.errors import ShapeError
from npdl_rnn.layers.base import State
from npdl_rnn.layers.repeater import Repeated
from npdl_rnn.layers.step_of import cell_of
from npdl_rnn.layers.steps import Cell, Rows, whole_shape

__all__ = ["RecurrentAttention"]

Array = NDArray[Any]


class RecurrentAttention(Repeated):
    r"""A recurrent layer that chooses at each step what it sees of the input.

    :math:`a_t = \mathrm{action}(h_{t-1})`, :math:`h_t = \mathrm{rnn}([x, a_t])`, :math:`h_0 = 0`.

    Parameters
    ----------
    rnn : str, envelope or Layer
        Takes the input and an action, such as a ``recurrent`` whose input layer begins with a ``glimpse``;
        recurrent layers in it keep their states.
    action : str, envelope or Layer
        Maps :math:`h_{t-1}` to an action, such as a ``chain`` that ends in ``reinforce_normal``.
    n_steps : int
        How many times to look.
    hidden_shape : int or sequence of int
        Shape of h without the batch axis.
    forward_actions : bool
        Return a list of all h and all a.
    return_sequence : bool
        Return all steps' h (N, T, ...) instead of the last one's (N, ...).

    Notes
    -----
    Input (N, ...); output (N, T, ...) or (N, ...). The state begins with zeros in each call. Rewards come by
    ``reinforce``, (N,) or one for each step (N, T), and reach the stochastic layers; through others gradients
    flow as they are, from actions into the h before them too. Source: Mnih et al., Recurrent models of
    visual attention, 2014.

    Raises
    ------
    ShapeError
        On connecting, if rnn's output does not have ``hidden_shape``.

    Examples
    --------
    >>> from npdl_core.layers import Chain, Dense
    >>> from npdl_rnn import Recurrent
    >>> rnn = Recurrent(4, Chain(["concat", Dense(4)]), Dense(4))
    >>> layer = RecurrentAttention(rnn, Dense(2), n_steps=5, hidden_shape=4).connect((None, 3))
    >>> layer.out_shape
    (None, 5, 4)
    """

    def __init__(
        self,
        rnn: Any,
        action: Any,
        n_steps: int,
        hidden_shape: Any,
        forward_actions: bool = False,
        return_sequence: bool = True,
    ) -> None:
        super().__init__(return_sequence=return_sequence)
        self.set_steps(n_steps)
        shape = [hidden_shape] if isinstance(hidden_shape, (int, np.integer)) else hidden_shape
        self.hidden = tuple(int(size or 0) for size in check_shape("hidden_shape", shape))
        self.forward_actions = check_bool("forward_actions", forward_actions)
        self.rnn_cell = cell_of(self.add_layer("rnn", rnn))
        self.action_cell = cell_of(self.add_layer("action", action))
        self.per_sample = all(getattr(child, "per_sample", True) for child in self.children.values())

    @property
    def cells(self) -> list[Cell]:
        """The layer that looks and the layer that decides."""
        return [self.rnn_cell, self.action_cell]

    def connect_cells(self, shape: Any) -> Any:
        """Connect both layers to each other."""
        came = self.action_cell.connect((None, *self.hidden))
        self._action = whole_shape(came, str(self))
        out = whole_shape(self.rnn_cell.connect([shape, came]), str(self))
        if out != self.hidden:
            raise ShapeError(f"{self}: rnn's output has shape {out}, hidden_shape is {self.hidden}")
        if self.forward_actions:
            return (None, math.prod(self.hidden) + math.prod(self._action))
        return (None, *self.hidden)

    def set_out_shape(self, n_samples: int | None, n_steps: int | None) -> None:
        """Set ``out_shape`` for so many samples and steps."""
        lead = (n_samples, n_steps) if self.return_sequence else (n_samples,)
        self.out_shape = (*lead, *self.hidden)
        if self.forward_actions:
            self.out_shape = [self.out_shape, (*lead, *self._action)]  # type: ignore[assignment]

    def state_sizes(self) -> tuple[int, ...]:
        """Return the lengths of the output and of all states inside."""
        return (self.n_out, *(size for cell in self.cells for size in cell.sizes()))

    def forward(self, input: Any, train: bool = True) -> Any:  # type: ignore[override]
        """Return all h or the last one; with ``forward_actions`` a list of h and a."""
        output = super().forward(input, train)
        if not self.forward_actions:
            return output
        size, lead = math.prod(self.hidden), output.shape[:-1]
        h, a = output[..., :size], output[..., size:]
        return [h.reshape(*lead, *self.hidden), a.reshape(*lead, *self._action)]

    def backward(self, pre_grad: Any, dcn: Any = None, dhn: Any = None) -> Any:
        """Return the input's gradient, the sum over all steps."""
        if self.forward_actions:
            shapes = (self.hidden, self._action)
            parts = [
                grad.reshape(*grad.shape[: grad.ndim - len(shape)], math.prod(shape))
                for grad, shape in zip(pre_grad, shapes, strict=True)
            ]
            pre_grad = np.concatenate(parts, axis=-1)
        return super().backward(pre_grad, dcn, dhn)

    def proceed(self, x: Any, state: State, rows: Rows, train: bool) -> tuple[State, Any]:
        """Decide, then look."""
        count, size = 1 + len(self.rnn_cell.sizes()), math.prod(self.hidden)
        h = state[0][:, :size].reshape(len(x), *self.hidden)
        action, deciding, decided = self.action_cell.forward(h, state[count:], rows, train)
        seen, looking, looked = self.rnn_cell.forward([x, action], state[1:count], rows, train)
        output = seen.reshape(len(x), size)
        if self.forward_actions:
            output = np.concatenate([output, action.reshape(len(x), math.prod(self._action))], axis=1)
        return (output, *looking, *deciding), (decided, looked)

    def go_back(self, dstate: State, cache: Any) -> tuple[Any, State]:
        """Go back through the look, then through the decision."""
        decided, looked = cache
        count, size, n = 1 + len(self.rnn_cell.sizes()), math.prod(self.hidden), len(dstate[0])
        seen = dstate[0][:, :size].reshape(n, *self.hidden)
        (dx, d_action), looking = self.rnn_cell.backward(seen, dstate[1:count], looked)
        if self.forward_actions:
            d_action = d_action + dstate[0][:, size:].reshape(d_action.shape)
        dh, deciding = self.action_cell.backward(d_action, dstate[count:], decided)
        before = np.zeros_like(dstate[0])
        before[:, :size] = dh.reshape(n, size)
        return dx, (before, *looking, *deciding)
