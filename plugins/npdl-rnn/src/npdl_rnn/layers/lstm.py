"""Long short-term memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_bool, check_float, check_int
from npdl_core.errors import ShapeError
from npdl_rnn import kernels
from npdl_rnn.layers.base import Sequence, State
from npdl_rnn.layers.cells import FusedCell, act, act_vjp

__all__ = ["LSTM"]

Array = NDArray[Any]


class LSTM(FusedCell):
    r"""Long short-term memory.

    :math:`i, f, o = \sigma(x_t W + b + h_{t-1} U)`, :math:`g = \phi(x_t W + b + h_{t-1} U)`, each by its
    column block; :math:`c_t = f \circ c_{t-1} + i \circ g`; :math:`h_t = o \circ \phi(c_t)`. With peepholes i
    and f also see
    :math:`w \circ c_{t-1}` and o sees :math:`w \circ c_t`; with a projection :math:`h_t W_o` is output and
    fed back.

    Parameters
    ----------
    n_out, n_in, nb_batch, nb_seq
        See :class:`~npdl_rnn.RecurrentLayer`.
    init, inner_init : str, Initializer or array
        How to fill W (D, 4H) and U (H, 4H); each gate is drawn on its own.
    activation, gate_activation : str or Activation
        :math:`\phi` and :math:`\sigma`; tanh and sigmoid take the fast kernel.
    return_sequence : bool
        Return all steps' outputs.
    forget_bias_num : float
        Initial bias of the forget gate.
    need_grad, return_state, go_backwards, mask_mode, remember, bptt_steps, dropout, num_layers
        See :class:`~npdl_rnn.RecurrentLayer`.
    recurrent_dropout : float
        Fraction of the recurrent input dropped while training, the same entries at all steps of a sequence.
    mono : bool
        The same entries for all samples of a batch, too.
    peephole : bool
        Gates see the cell through ``P`` (3, H): rows i, f, o.
    projection : int, optional
        R, the length of the output; ``Wo`` (H, R).

    Notes
    -----
    Input (N, T, D); output (N, T, H) or (N, H); state h (N, H) (or R) and c (N, H). W (D, 4H), U (H, 4H), b
    (4H,), columns i, f, o, g. ``AllW`` (1 + D + H, 4H) shows bias, input and recurrent weights as one array.
    Source: Hochreiter and Schmidhuber, 1997; Gers et al., 2000 (forget gate) and 2002 (peepholes); Sak et
    al., 2014 (projection).

    Examples
    --------
    >>> layer = LSTM(4).connect((None, None, 3))
    >>> layer.W.shape, layer.AllW.shape, float(layer.b[4])
    ((3, 16), (8, 16), 1.0)
    """

    n_blocks = 4

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
        forget_bias_num: float = 1.0,
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
        peephole: bool = False,
        projection: int | None = None,
    ) -> None:
        super().__init__(
            n_out, n_in, nb_batch, nb_seq, return_sequence, need_grad, return_state, go_backwards, mask_mode,
            remember, bptt_steps, dropout, num_layers,
        )  # fmt: skip
        self.set_cell(init, inner_init, activation, gate_activation, recurrent_dropout, mono)
        self.forget_bias_num = check_float("forget_bias_num", forget_bias_num)
        self.peephole = check_bool("peephole", peephole)
        self.projection = None if projection is None else check_int("projection", projection, 1)

    def state_sizes(self) -> tuple[int, ...]:
        """Return the lengths of h and c."""
        return (self.projection or self.n_out, self.n_out)

    def bias_init(self) -> Array:
        """Return zeros, and the forget gate's bias."""
        bias = np.zeros(4 * self.n_out)
        bias[self.n_out : 2 * self.n_out] = self.forget_bias_num
        return bias

    def add_cell_params(self, n_in: int) -> None:
        """Make W, U, b, and P and Wo if they are asked for."""
        super().add_cell_params(n_in)
        if self.peephole:
            self.add_param("P", (3, self.n_out), "uniform", decay=False)
        if self.projection is not None:
            self.add_param("Wo", (self.n_out, self.projection), self.init)

    @property
    def AllW(self) -> Array:
        """Bias, input and recurrent weights as one array (1 + D + H, 4H); assigning writes all three.

        The three lie apart, so it is to look at: writing into it is an error instead of being lost.
        """
        joined = np.concatenate([self.b[None], self.W, self.U])
        joined.flags.writeable = False
        return joined

    @AllW.setter
    def AllW(self, value: Any) -> None:
        array, n_in = np.asarray(value), self.W.shape[0]
        expected = (1 + n_in + self.U.shape[0], self.W.shape[1])
        if array.shape != expected:
            raise ShapeError(f"{self}: AllW has shape {expected}, got {array.shape}")
        parts = {"b": array[0], "W": array[1 : 1 + n_in], "U": array[1 + n_in :]}
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(
        self, input: Any, train: bool = True, *, mask: Any = None, c0: Any = None, h0: Any = None
    ) -> Any:
        """Return the outputs (N, T, H) or the last one (N, H); with ``return_state`` a list with h and c."""
        return self.run(input, train, mask, (h0, c0))

    def step(self, x: Array, state: State, train: bool) -> tuple[State, Any]:
        """Return h and c, and the step's cache."""
        c_old, n = state[1], self.n_out
        h, scale = self.dropped(state[0], train)
        z = x @ self.W + self.b + h @ self.U
        if self.peephole:
            z[:, :n] += self.P[0] * c_old
            z[:, n : 2 * n] += self.P[1] * c_old
        i, f = act(self.gate_activation, z[:, :n]), act(self.gate_activation, z[:, n : 2 * n])
        g = act(self.activation, z[:, 3 * n :])
        c = f * c_old + i * g
        if self.peephole:
            z[:, 2 * n : 3 * n] += self.P[2] * c
        o = act(self.gate_activation, z[:, 2 * n : 3 * n])
        squashed = act(self.activation, c)
        full = o * squashed
        out = full if self.projection is None else full @ self.Wo
        return (out, c), (x, h, c_old, z, (i, f, o, g), c, squashed, full, scale)

    def step_backward(self, dstate: State, cache: Any) -> tuple[Array, State]:
        """Add the weight gradients; return the gradients of x and of the state before."""
        x, h, c_old, z, (i, f, o, g), c, squashed, full, scale = cache
        dfull, n = dstate[0], self.n_out
        if self.projection is not None:
            self.dWo += full.T @ dfull
            dfull = dfull @ self.Wo.T
        dz = np.empty_like(z)
        gate, block = self.gate_activation, [slice(k * n, (k + 1) * n) for k in range(4)]
        dz[:, block[2]] = act_vjp(gate, dfull * squashed, z[:, block[2]], o)
        dc = dstate[1] + act_vjp(self.activation, dfull * o, c, squashed)
        if self.peephole:
            dc = dc + dz[:, block[2]] * self.P[2]
        dz[:, block[0]] = act_vjp(gate, dc * g, z[:, block[0]], i)
        dz[:, block[1]] = act_vjp(gate, dc * c_old, z[:, block[1]], f)
        dz[:, block[3]] = act_vjp(self.activation, dc * i, z[:, block[3]], g)
        dc_old = dc * f
        if self.peephole:
            dc_old = dc_old + dz[:, block[0]] * self.P[0] + dz[:, block[1]] * self.P[1]
            pairs = zip((c_old, c_old, c), block[:3], strict=True)
            self.dP += np.stack([(dz[:, where] * cell).sum(axis=0) for cell, where in pairs])
        dh = dz @ self.U.T
        dx = self.step_weights_backward(x, h, dz)
        return dx, (dh if scale is None else dh * scale, dc_old)

    def uses_kernel(self) -> bool:
        """Return whether the sequence kernels compute this configuration."""
        return super().uses_kernel() and not (self.peephole or self.projection)

    def kernel_forward(self, sequence: Sequence, train: bool) -> tuple[Array, State, Any]:
        """Do the whole sequence at once."""
        gates = self.project(sequence.x, train)
        h, c = (
            self.states_buffer(name, first, len(gates), train)
            for name, first in zip("hc", sequence.state, strict=True)
        )
        tanh_c = self.buffer("tanh_c", (*gates.shape[:2], self.n_out), train)
        kernels.lstm_forward(gates, self.U, h, c, tanh_c, **self.mask_options(sequence))
        return h[1:], (h[-1], c[-1]), (gates, h, c, tanh_c)

    def kernel_backward(
        self, dh: Array, dstate: State, sequence: Sequence, cache: Any
    ) -> tuple[Array | None, State]:
        """Do the whole sequence at once."""
        gates, h, c, tanh_c = cache
        dc = np.array(dstate[0])
        dz = self.work_array("dz", gates.shape)
        kernels.lstm_backward(gates, self.U, c, tanh_c, dh, dc, dz, **self.backward_options(sequence))
        return self.weights_backward(sequence.x, h[:-1], dz), (dh[0], dc)
