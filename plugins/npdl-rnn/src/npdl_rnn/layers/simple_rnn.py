"""The plain recurrent layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_rnn import kernels
from npdl_rnn.layers.base import Sequence, State
from npdl_rnn.layers.cells import FusedCell, act, act_vjp

__all__ = ["SimpleRNN"]

Array = NDArray[Any]


class SimpleRNN(FusedCell):
    r"""A plain recurrent layer: :math:`h_t = f(x_t W + b + h_{t-1} U)`.

    Parameters
    ----------
    n_out, n_in, nb_batch, nb_seq
        See :class:`~npdl_rnn.RecurrentLayer`.
    init, inner_init : str, Initializer or array
        How to fill W (D, H) and U (H, H).
    activation : str or Activation
        f.
    return_sequence, return_state, go_backwards, mask_mode, remember, bptt_steps, dropout
        See :class:`~npdl_rnn.RecurrentLayer`.
    recurrent_dropout : float
        Fraction of the recurrent input dropped while training, the same entries at all steps of a sequence.

    Notes
    -----
    Input (N, T, D); output (N, T, H) or (N, H); W (D, H), U (H, H), b (H,).

    Examples
    --------
    >>> SimpleRNN(4, return_sequence=True).connect((None, None, 3)).out_shape
    (None, None, 4)
    """

    def __init__(
        self,
        n_out: int,
        n_in: int | None = None,
        nb_batch: int | None = None,
        nb_seq: int | None = None,
        init: Any = "glorot_uniform",
        inner_init: Any = "orthogonal",
        activation: Any = "tanh",
        return_sequence: bool = False,
        *,
        return_state: bool = False,
        go_backwards: bool = False,
        mask_mode: str = "carry",
        remember: str = "neither",
        bptt_steps: int | None = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
    ) -> None:
        super().__init__(
            n_out, n_in, nb_batch, nb_seq, return_sequence, return_state, go_backwards, mask_mode, remember,
            bptt_steps, dropout,
        )  # fmt: skip
        self.set_cell(init, inner_init, activation, recurrent_dropout)

    def step(self, x: Array, state: State, train: bool) -> tuple[State, Any]:
        """Return h and the step's cache."""
        h, scale = self.dropped(state[0], train)
        z = x @ self.W + self.b + h @ self.U
        y = act(self.activation, z)
        return (y,), (x, h, z, y, scale)

    def step_backward(self, dstate: State, cache: Any) -> tuple[Array, State]:
        """Add dW, dU and db; return the gradients of x and of the state before."""
        x, h, z, y, scale = cache
        dz = act_vjp(self.activation, dstate[0], z, y)
        dh = dz @ self.U.T
        return self.step_weights_backward(x, h, dz), (dh if scale is None else dh * scale,)

    def uses_kernel(self) -> bool:
        """Return whether the sequence kernels compute this configuration."""
        return not self.recurrent_dropout and self.is_default(self.activation, "tanh")

    def forward_sequence(self, sequence: Sequence, train: bool) -> tuple[Array, State, Any]:
        """Return outputs (T, N, H), final state and what the backward needs."""
        if not self.uses_kernel():
            return super().forward_sequence(sequence, train)
        z = self.project(sequence.x, self.W, self.b, "z", train)
        h = np.empty((len(z) + 1, *z.shape[1:]), self.dtype)
        h[0] = sequence.state[0]
        kernels.simple_rnn_forward(z, self.U, h, **self.mask_options(sequence))
        return h[1:], (h[-1],), (z, h)

    def backward_sequence(
        self, grads: Array, final: State, sequence: Sequence, cache: Any
    ) -> tuple[Array, State]:
        """Return the gradients of inputs and initial state, and write dW, dU and db."""
        if not self.uses_kernel():
            return super().backward_sequence(grads, final, sequence, cache)
        z, h = cache
        dh = self.shifted(grads, final[0])
        dz = self.work_array("dz", z.shape)
        options = self.backward_options(sequence)
        kernels.simple_rnn_backward(z, self.U, dh, dz, **options)
        self.recurrent_weights_backward(h[:-1], dz, self.dU)
        return self.project_backward(sequence.x, dz, self.W, self.dW, self.db), (dh[0],)
