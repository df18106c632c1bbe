"""Any layer, one call a step."""

from __future__ import annotations

from collections import deque
from typing import Any

from numpy.typing import NDArray

from npdl_core.errors import NotConnectedError, ShapeError
from npdl_rnn.layers.base import State
from npdl_rnn.layers.sequencer import Sequencer

__all__ = ["Recursor"]

Array = NDArray[Any]


class Recursor(Sequencer):
    r"""Step any layer by hand: each call is one step, :math:`y_t, s_t = f(x_t, s_{t-1})`.

    Call ``forward`` once for each step, then ``backward`` once for each step in reverse, then ``forget``. The
    first backward after a forward overwrites the gradients, the next ones add the steps before; after the
    first step's the last step is next again.

    Parameters
    ----------
    layer : str, envelope or Layer
        f, as of :class:`Sequencer`.
    remember : str
        In which calls the state goes on: ``"both"``, ``"train"``, ``"eval"`` or ``"neither"``.
    bptt_steps : int
        How many of the last training steps are kept to go back through.

    Notes
    -----
    Input (N, ...), one step as f takes it; output (N, ...). In evaluation only the state is kept, so
    sequences may go on for ever. Source: Léonard et al., rnn: recurrent library for Torch, 2015.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Recursor({"name": "gru", "config": {"n_out": 4}}).connect((None, 3))
    >>> outputs = [layer.forward(np.ones((2, 3), "float32")) for _ in range(5)]
    >>> grads = [layer.backward(np.ones((2, 4), "float32")) for _ in range(5)]
    >>> layer.forget()
    """

    accepts_mask = False

    def __init__(self, layer: Any, remember: str = "both", bptt_steps: int = 1000) -> None:
        super().__init__(layer, return_sequence=False, remember=remember, bptt_steps=bptt_steps)

    def connect_to(self, prev_layer: Any = None) -> None:
        """Connect the layer to its input.

        Raises
        ------
        ShapeError
            If there are several inputs, or a size is not known.
        """
        shape = self.incoming_shape(prev_layer)
        self.connect_step(shape)
        self.in_shape = shape
        self.out_shape = (shape[0], *self._out_step)

    def compute_mask(self, input: Any, mask: Any) -> None:
        """Return None: a step has no time axis."""

    def forward(self, input: Any, train: bool = True) -> Any:  # type: ignore[override]
        """Do one step.

        Raises
        ------
        NotConnectedError
            Before the layer is connected.
        ShapeError
            If the input is not a step of the connected shape.
        """
        if self.in_shape is None:
            raise NotConnectedError(f"{self} has no parameters yet; connect it, or put it into a model")
        if input.shape[1:] != self._step_shape:
            raise ShapeError(f"{self} needs steps of shape (N, *{self._step_shape}), got {input.shape}")
        goes_on = self.carried.start(len(input), train, str(self)) is not None
        state = self.initial_state(len(input), train, ())
        steps: deque[Any] = self._steps(goes_on) if train else deque()
        if train and not steps:
            self.begin_sequence(len(input))
        new, cache = self.advance(input, state, None, train)
        if train:
            steps.append(cache)
            self.retain(steps, [], len(input))
        self.carried.keep(new, train)
        return new[0].reshape(len(input), *self._out_step)

    def _steps(self, goes_on: bool) -> deque[Any]:
        """Return the caches of the steps before, none where the state does not go on."""
        kept = self._residuals.kept
        return kept[0] if goes_on and kept is not None else deque(maxlen=self.bptt_steps)

    def backward(self, pre_grad: Any, dcn: Any = None, dhn: Any = None) -> Any:
        """Return the gradient of the input of the last step not gone back through yet.

        Parameters
        ----------
        pre_grad : ndarray (N, ...)
            Gradient of that step's output.
        dcn, dhn : None
            Steps have no final state of their own; later steps hand its gradient on by themselves.
        """
        steps, behind, n_samples = self.retained()
        if not behind or behind[0] == 0:
            self.clear_gradients()
            behind[:] = [len(steps), self.zero_state(n_samples)]
        position, dstate = behind[0] - 1, behind[1]
        if self._reward is not None:
            self.reinforce_step(self._reward)
        flat = pre_grad.reshape(n_samples, self.n_out)
        dx, before = self.retreat((dstate[0] + flat, *dstate[1:]), steps[position], None)
        behind[:] = [position, before]
        return dx

    def run_state(self, input: Any, train: bool, mask: Any, given: Any) -> tuple[Array, State]:
        """Refuse to be run over a sequence.

        Raises
        ------
        ShapeError
            Always: a recursor takes one step a call.
        """
        raise ShapeError(f"{self} takes one step a call; use sequencer for sequences")
