"""Gated recurrent units."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_bool, check_float
from npdl_rnn import kernels
from npdl_rnn.layers.base import Sequence, State
from npdl_rnn.layers.cells import FusedCell, act, act_vjp, recurrent_weights_backward

__all__ = ["GRU"]

Array = NDArray[Any]


class GRU(FusedCell):
    r"""Gated recurrent units.

    :math:`r, z = \sigma(x_t W + b + h_{t-1} U)` by column block;
    :math:`\tilde h = \phi(x_t W_h + b_h + (r \circ h_{t-1}) U_h)`, or
    :math:`\phi(x_t W_h + b_h + r \circ (h_{t-1} U_h + b'_h))` with ``reset_after``;
    :math:`h_t = (1 - z) \circ \tilde h + z \circ h_{t-1}`.

    Parameters
    ----------
    n_out, n_in, nb_batch, nb_seq
        See :class:`~npdl_rnn.RecurrentLayer`.
    init, inner_init : str, Initializer or array
        How to fill W (D, 3H) and U (H, 3H); each gate is drawn on its own.
    activation, gate_activation : str or Activation
        :math:`\phi` and :math:`\sigma`; tanh and sigmoid take the fast kernel.
    return_sequence : bool
        Return all steps' outputs.
    need_grad, return_state, go_backwards, mask_mode, remember, bptt_steps, dropout, num_layers
        See :class:`~npdl_rnn.RecurrentLayer`.
    recurrent_dropout : float
        Fraction of the recurrent input dropped while training, the same entries at all steps of a sequence.
    mono : bool
        The same entries for all samples of a batch, too.
    reset_after : bool
        Apply the reset gate after the recurrent product, as cuDNN, PyTorch and Keras do; adds ``bu`` (3H,).
    update_bias : float
        Initial bias of the update gate z.

    Notes
    -----
    Input (N, T, D); output (N, T, H) or (N, H). W (D, 3H), U (H, 3H), b (3H,), columns r, z, h.
    Source: Cho et al., Learning phrase representations using RNN encoder-decoder, 2014.

    Examples
    --------
    >>> GRU(4, reset_after=True).connect((None, None, 3)).bu.shape
    (12,)
    """

    n_blocks = 3

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
        gate_activation: Any = "sigmoid",
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
        reset_after: bool = False,
        update_bias: float = 0.0,
    ) -> None:
        super().__init__(
            n_out, n_in, nb_batch, nb_seq, return_sequence, need_grad, return_state, go_backwards, mask_mode,
            remember, bptt_steps, dropout, num_layers,
        )  # fmt: skip
        self.set_cell(init, inner_init, activation, gate_activation, recurrent_dropout, mono)
        self.reset_after = check_bool("reset_after", reset_after)
        self.update_bias = check_float("update_bias", update_bias)

    def bias_init(self) -> Array:
        """Return zeros, and the update gate's bias."""
        bias = np.zeros(3 * self.n_out)
        bias[self.n_out : 2 * self.n_out] = self.update_bias
        return bias

    def add_cell_params(self, n_in: int) -> None:
        """Make W, U, b, and bu for ``reset_after``."""
        super().add_cell_params(n_in)
        if self.reset_after:
            self.add_param("bu", (3 * self.n_out,), "zero", decay=False)

    def forward(self, input: Any, train: bool = True, *, mask: Any = None, h0: Any = None) -> Any:
        """Return the outputs (N, T, H) or the last one (N, H); with ``return_state`` a list with h."""
        return self.run(input, train, mask, (h0,))

    def step(self, x: Array, state: State, train: bool) -> tuple[State, Any]:
        """Return h and the step's cache."""
        n, old = self.n_out, state[0]
        h, scale = self.dropped(old, train)
        z = x @ self.W + self.b
        gates, new = slice(0, 2 * n), slice(2 * n, 3 * n)
        fed = h @ self.U + self.bu if self.reset_after else h @ self.U[:, gates]
        z[:, gates] += fed[:, gates]
        r, update = act(self.gate_activation, z[:, :n]), act(self.gate_activation, z[:, n : 2 * n])
        z[:, new] += r * fed[:, new] if self.reset_after else (r * h) @ self.U[:, new]
        candidate = act(self.activation, z[:, new])
        out = (1 - update) * candidate + update * old
        return (out,), (x, h, old, z, r, update, candidate, fed, scale)

    def step_backward(self, dstate: State, cache: Any) -> tuple[Array, State]:
        """Add the weight gradients; return the gradients of x and of the state before."""
        x, h, old, z, r, update, candidate, fed, scale = cache
        n, dh = self.n_out, dstate[0]
        gates, new = slice(0, 2 * n), slice(2 * n, 3 * n)
        d_new = act_vjp(self.activation, dh * (1 - update), z[:, new], candidate)
        d_update = dh * (old - candidate)
        if self.reset_after:
            d_r, d_fed_new = d_new * fed[:, new], d_new * r
        else:
            d_rh = d_new @ self.U[:, new].T
            d_r = d_rh * h
        d_gates = np.hstack(
            [
                act_vjp(self.gate_activation, d_r, z[:, :n], r),
                act_vjp(self.gate_activation, d_update, z[:, n : 2 * n], update),
            ]
        )
        dz = np.hstack([d_gates, d_new])
        self.dW += x.T @ dz
        self.db += dz.sum(axis=0)
        if self.reset_after:
            d_fed = np.hstack([d_gates, d_fed_new])
            self.dU += h.T @ d_fed
            self.dbu += d_fed.sum(axis=0)
            d_h = d_fed @ self.U.T
        else:
            self.dU[:, gates] += h.T @ d_gates
            self.dU[:, new] += (r * h).T @ d_new
            d_h = d_gates @ self.U[:, gates].T + d_rh * r
        return dz @ self.W.T, (dh * update + (d_h if scale is None else d_h * scale),)

    def kernel_forward(self, sequence: Sequence, train: bool) -> tuple[Array, State, Any]:
        """Do the whole sequence at once."""
        gates = self.project(sequence.x, train)
        h = self.states_buffer("h", sequence.state[0], len(gates), train)
        options = self.mask_options(sequence)
        if self.reset_after:
            kept = self.buffer("recurrent", gates.shape, train)
            kernels.gru_after_forward(gates, self.U, self.bu, h, kept, **options)
        else:
            kept = self.buffer("rh", (*gates.shape[:2], self.n_out), train)
            kernels.gru_forward(gates, self.U, h, kept, **options)
        return h[1:], (h[-1],), (gates, h, kept)

    def kernel_backward(
        self, dh: Array, dstate: State, sequence: Sequence, cache: Any
    ) -> tuple[Array | None, State]:
        """Do the whole sequence at once."""
        gates, h, kept = cache
        dz = self.work_array("dz", gates.shape)
        options, split = self.backward_options(sequence), 2 * self.n_out
        if self.reset_after:
            dr = self.work_array("dr", gates.shape)
            kernels.gru_after_backward(gates, self.U, h, kept, dh, dz, dr, **options)
            recurrent_weights_backward(h[:-1], dr, self.U, self.dU, self.dbu)
        else:
            kernels.gru_backward(gates, self.U, h, dh, dz, **options)
            for inputs, block in ((h[:-1], slice(0, split)), (kept, slice(split, None))):
                recurrent_weights_backward(inputs, dz[:, :, block], self.U[:, block], self.dU[:, block])
        return self.project_backward(sequence.x, dz), (dh[0],)
