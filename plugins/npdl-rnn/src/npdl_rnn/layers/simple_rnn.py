"""The plain recurrent layer."""

from __future__ import annotations

from typing import Any

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
    return_sequence, need_grad, return_state, go_backwards, mask_mode, remember, bptt_steps, dropout
        See :class:`~npdl_rnn.RecurrentLayer`.
    recurrent_dropout : float
        Fraction of the recurrent input dropped while training, the same entries at all steps of a sequence.
    mono : bool
        The same entries for all samples of a batch, too.

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
        need_grad: bool = True,
        *,
        return_state: bool = False,
        go_backwards: bool = False,
        mask_mode: str = "carry",
        remember: str = "neither",
        bptt_steps: int | None = None,
        dropout: float = 0.0,
        num_layers: int = 1,
        recurrent_dropout: float = 0.0,
        mono: bool = False,
    ) -> None:
        super().__init__(
            n_out, n_in, nb_batch, nb_seq, return_sequence, need_grad, return_state, go_backwards, mask_mode,
            remember, bptt_steps, dropout, num_layers,
        )  # fmt: skip
        self.set_cell(init, inner_init, activation, None, recurrent_dropout, mono)

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

    def kernel_forward(self, sequence: Sequence, train: bool) -> tuple[Array, State, Any]:
        """Do the whole sequence at once."""
        z = self.project(sequence.x, train)
        h = self.states_buffer("h", sequence.state[0], len(z), train)
        kernels.simple_rnn_forward(z, self.U, h, **self.mask_options(sequence))
        return h[1:], (h[-1],), (z, h)

    def kernel_backward(
        self, dh: Array, dstate: State, sequence: Sequence, cache: Any
    ) -> tuple[Array | None, State]:
        """Do the whole sequence at once."""
        z, h = cache
        dz = self.work_array("dz", z.shape)
        kernels.simple_rnn_backward(z, self.U, dh, dz, **self.backward_options(sequence))
        return self.weights_backward(sequence.x, h[:-1], dz), (dh[0],)
