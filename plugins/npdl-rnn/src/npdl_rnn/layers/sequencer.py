"""Any layer, stepped through time."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from npdl_rnn.layers.base import State
from npdl_rnn.layers.step_of import cell_of
from npdl_rnn.layers.stepped import SteppedLayer, blended, blended_backward
from npdl_rnn.layers.steps import Cell, Rows

__all__ = ["Sequencer"]

Array = NDArray[Any]


class Sequencer(SteppedLayer):
    r"""Step any layer through time, recurrent or not: :math:`y_t, s_t = f(x_t, s_{t-1})`.

    Parameters
    ----------
    layer : str, envelope or Layer
        f: a recurrent layer, a layer of single steps such as ``dense``, or a ``chain`` or ``parallel`` of
        both. ``time_distributed`` is faster for layers without state.
    return_sequence : bool
        Return all outputs (N, T, ...) instead of the last one (N, ...).
    return_state, go_backwards, mask_mode, remember, bptt_steps
        See :class:`~npdl_rnn.RecurrentLayer`; ``mask_mode`` says what the output does at a masked step, the
        layers below have their own.

    Notes
    -----
    Input (N, T, ...) of steps as f takes them, or ids (N, T); output (N, T, ...) or (N, ...). The state is
    the last output (N, size), then each array that the recurrent layers in f keep. At a masked step
    layers without state see the real samples only. ``reinforce`` takes a reward for each step, (N, T).
    Source: Léonard et al., rnn: recurrent library for Torch, 2015.

    Raises
    ------
    ConfigError
        If a recurrent layer in f has ``remember``, ``bptt_steps``, ``go_backwards`` or ``return_state``.

    Examples
    --------
    >>> step = {"name": "chain", "config": {"layers": [
    ...     {"name": "lstm", "config": {"n_out": 4}}, {"name": "dense", "config": {"n_out": 2}}]}}
    >>> layer = Sequencer(step, remember="both").connect((None, None, 3))
    >>> layer.out_shape, layer.state_sizes()
    ((None, None, 2), (2, 4, 4))
    """

    def __init__(
        self,
        layer: Any,
        return_sequence: bool = True,
        return_state: bool = False,
        go_backwards: bool = False,
        mask_mode: str = "carry",
        remember: str = "neither",
        bptt_steps: int | None = None,
    ) -> None:
        super().__init__(return_sequence, return_state, go_backwards, mask_mode, remember, bptt_steps)
        self.add_layer("layer", layer)
        self.integer_input = self.layer.integer_input
        self.per_sample = getattr(self.layer, "per_sample", True)
        self.cell = cell_of(self.layer)

    @property
    def cells(self) -> list[Cell]:
        """The one layer."""
        return [self.cell]

    def connect_cells(self, shape: Any) -> Any:
        """Connect the layer."""
        return self.cell.connect(shape)

    def state_sizes(self) -> tuple[int, ...]:
        """Return the lengths of the last output and of the states in the layer."""
        return (self.n_out, *self.cell.sizes())

    def proceed(self, x: Any, state: State, rows: Rows, train: bool) -> tuple[State, Any]:
        """Return the output, the layer's new state, and the cache."""
        output, after, cache = self.cell.forward(x, state[1:], rows, train)
        flat = output.reshape(len(output), self.n_out)
        return (blended(flat, state[0], rows, self.mask_mode), *after), (cache, rows, output.shape)

    def go_back(self, dstate: State, cache: Any) -> tuple[Any, State]:
        """Go back through the layer's step."""
        kept, rows, shape = cache
        grad, passed = blended_backward(dstate[0], rows, self.mask_mode)
        dx, before = self.cell.backward(grad.reshape(shape), dstate[1:], kept)
        return dx, (passed, *before)
