"""Layers that look at one input several times."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_int
from npdl_core.errors import ConfigError, NotConnectedError, ShapeError
from npdl_rnn.layers.sequencer import Sequencer
from npdl_rnn.layers.stepped import SteppedLayer

__all__ = ["Repeated", "Repeater"]

Array = NDArray[Any]


class Repeated(SteppedLayer):
    """Base of layers that feed one input (N, ...) to every one of ``n_steps`` steps, from a fresh state."""

    accepts_mask = False
    n_steps: int

    def set_steps(self, n_steps: int) -> None:
        """Check how many steps there are."""
        self.n_steps = check_int("n_steps", n_steps, 1, 100_000)

    def connect_to(self, prev_layer: Any = None) -> None:
        """Connect the cells to the input.

        Raises
        ------
        ShapeError
            If there are several inputs, or a size is not known.
        """
        shape = self.incoming_shape(prev_layer)
        self.connect_step(shape)
        self.in_shape = shape
        self.set_out_shape(shape[0], self.n_steps)

    def mask_of(self, input: Any, mask: Any) -> None:
        """Return None: the input has no time axis."""

    def compute_mask(self, input: Any, mask: Any) -> None:
        """Return None: all steps are real."""

    def forward(self, input: Any, train: bool = True) -> Any:  # type: ignore[override]
        """Return the outputs of all steps.

        Raises
        ------
        NotConnectedError
            Before the layer is connected.
        ShapeError
            If the input is not of the connected shape.
        """
        if self.in_shape is None:
            raise NotConnectedError(f"{self} has no parameters yet; connect it, or put it into a model")
        if input.shape[1:] != self._step_shape:
            raise ShapeError(f"{self} is connected to (N, *{self._step_shape}), got {input.shape}")
        every = np.broadcast_to(input[:, None], (len(input), self.n_steps, *input.shape[1:]))
        return self.run_state(every, train, None, self.zero_state(len(input)))[0]

    def remember_mode(self, mode: str) -> None:
        """Refuse to carry state: every call begins anew.

        Raises
        ------
        ConfigError
            For any mode but ``"neither"``.
        """
        if mode != "neither":
            raise ConfigError(f"{self} carries no state from call to call")

    def backward(self, pre_grad: Any, dcn: Any = None, dhn: Any = None) -> Any:
        """Return the input's gradient, the sum over all steps."""
        dx, _ = self.backward_state(pre_grad, (dhn, dcn))
        return None if dx is None else dx.sum(axis=1)


class Repeater(Repeated, Sequencer):
    r"""Feed one input to a layer several times: :math:`y_t, s_t = f(x, s_{t-1})` for t = 1 … ``n_steps``.

    Parameters
    ----------
    layer : str, envelope or Layer
        f, as of :class:`Sequencer`.
    n_steps : int
        How often, at least once.
    return_sequence : bool
        Return all outputs (N, n_steps, ...) instead of the last one (N, ...).

    Notes
    -----
    Input (N, ...) as f takes it. The state begins with zeros in each call; the input's gradient is the sum
    over steps. Source: Léonard et al., rnn: recurrent library for Torch, 2015.

    Examples
    --------
    >>> Repeater({"name": "gru", "config": {"n_out": 4}}, n_steps=5).connect((None, 3)).out_shape
    (None, 5, 4)
    """

    def __init__(self, layer: Any, n_steps: int, return_sequence: bool = True) -> None:
        super().__init__(layer, return_sequence=return_sequence)
        self.set_steps(n_steps)
