"""Recurrent cells with dropout that is the same at all steps of a sequence."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_float
from npdl_rnn.layers.base import State
from npdl_rnn.layers.cells import FusedCell, act, act_vjp
from npdl_rnn.layers.gru import GRU
from npdl_rnn.layers.lstm import LSTM

__all__ = ["BayesianGRU", "BayesianLSTM"]

Array = NDArray[Any]


class _Variational(FusedCell):
    """One mask for each gate's input and each gate's recurrent input, drawn once per training sequence."""

    p: float
    _scales: dict[str, Array]

    def set_dropout(self, p: float) -> None:
        """Check the fraction dropped."""
        self.p = check_float("p", p, 0, 1, below=True)
        self._scales = {}

    def begin_sequence(self, n_samples: int) -> None:
        """Draw the masks: (k, N, D) for W and (k, N, H) for U, with one row each for all samples if mono."""
        rows, keep = 1 if self.mono else n_samples, 1 - self.p
        for name in ("W", "U") if self.p else ():
            drawn = self.rng.random((self.n_blocks, rows, len(getattr(self, name)))) < keep
            self._scales[name] = (drawn / keep).astype(self.dtype)

    def uses_kernel(self) -> bool:
        """Return whether the sequence kernels compute this configuration; they know no dropout."""
        return super().uses_kernel() and not self.p

    def scales(self, train: bool) -> dict[str, Any]:
        """Return this sequence's factors by the name of the weights, ones where nothing is dropped."""
        if train and self.p:
            return dict(self._scales)
        return dict.fromkeys(("W", "U"), np.ones(self.n_blocks, self.dtype))

    def product(self, name: str, input: Array, scales: Any, blocks: range) -> Array:
        """Return the input through each block's own mask times that block of a weight matrix."""
        weights, n = getattr(self, name), self.n_out
        parts = [(input * scales[name][k]) @ weights[:, k * n : (k + 1) * n] for k in blocks]
        return np.concatenate(parts, axis=1, dtype=self.dtype)

    def product_backward(self, name: str, input: Array, scales: Any, dz: Array, blocks: range) -> Array:
        """Add the weights' gradient for dz (N, kH) of these blocks and return the input's."""
        weights, grad, n = getattr(self, name), getattr(self, f"d{name}"), self.n_out
        total = np.zeros_like(input)
        for index, k in enumerate(blocks):
            part, columns = dz[:, index * n : (index + 1) * n], slice(k * n, (k + 1) * n)
            grad[:, columns] += (input * scales[name][k]).T @ part
            total += (part @ weights[:, columns].T) * scales[name][k]
        return total


class BayesianGRU(_Variational, GRU):
    r"""GRU with variational dropout: six masks, drawn once a sequence and the same at all its steps.

    :math:`r, z = \sigma((m \circ x_t) W + b + (m' \circ h_{t-1}) U)`,
    :math:`\tilde h = \tanh((m \circ x_t) W + b + (m' \circ r \circ h_{t-1}) U)`,
    :math:`h_t = (1 - z) \circ \tilde h + z \circ h_{t-1}`, where each of r, z and h has its own columns of W,
    U, b and its own masks m, m' of zeros and :math:`1 / (1 - p)`; at inference there are none.

    Parameters
    ----------
    p : float
        The fraction dropped, in [0, 1). 0.25 is a good start; do not drop the inputs elsewhere as well.
    mono : bool
        The same masks for all samples of a batch.
    n_out, n_in, nb_batch, nb_seq, init, inner_init, activation, gate_activation, update_bias
        See :class:`GRU`, which it is with ``p=0``.
    return_sequence, need_grad, return_state, go_backwards, mask_mode, remember, bptt_steps, num_layers
        See :class:`~npdl_rnn.RecurrentLayer`.

    Notes
    -----
    Input (N, T, D); output (N, T, H) or (N, H). W (D, 3H), U (H, 3H), b (3H,), columns r, z, h.
    Source: Gal, A theoretically grounded application of dropout in recurrent neural networks, 2015.

    Examples
    --------
    >>> BayesianGRU(4, p=0.5, return_sequence=True).connect((None, 7, 3)).out_shape
    (None, 7, 4)
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
        gate_activation: Any = "sigmoid",
        need_grad: bool = True,
        *,
        p: float = 0.25,
        mono: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        mask_mode: str = "carry",
        remember: str = "neither",
        bptt_steps: int | None = None,
        num_layers: int = 1,
        update_bias: float = 0.0,
    ) -> None:
        super().__init__(
            n_out, n_in, nb_batch, nb_seq, init, inner_init, activation, return_sequence, gate_activation,
            need_grad, return_state=return_state, go_backwards=go_backwards, mask_mode=mask_mode,
            remember=remember, bptt_steps=bptt_steps, num_layers=num_layers, mono=mono,
            update_bias=update_bias,
        )  # fmt: skip
        self.set_dropout(p)

    def step(self, x: Array, state: State, train: bool) -> tuple[State, Any]:
        """Return h and the step's cache."""
        n, h, scales = self.n_out, state[0], self.scales(train)
        z = self.product("W", x, scales, range(3)) + self.b
        z[:, : 2 * n] += self.product("U", h, scales, range(2))
        r, update = act(self.gate_activation, z[:, :n]), act(self.gate_activation, z[:, n : 2 * n])
        z[:, 2 * n :] += self.product("U", r * h, scales, range(2, 3))
        candidate = act(self.activation, z[:, 2 * n :])
        return ((1 - update) * candidate + update * h,), (x, h, z, r, update, candidate, scales)

    def step_backward(self, dstate: State, cache: Any) -> tuple[Array, State]:
        """Add the weight gradients; return the gradients of x and of the state before."""
        x, h, z, r, update, candidate, scales = cache
        n, dh = self.n_out, dstate[0]
        dz = np.empty_like(z)
        dz[:, 2 * n :] = act_vjp(self.activation, dh * (1 - update), z[:, 2 * n :], candidate)
        d_rh = self.product_backward("U", r * h, scales, dz[:, 2 * n :], range(2, 3))
        dz[:, :n] = act_vjp(self.gate_activation, d_rh * h, z[:, :n], r)
        dz[:, n : 2 * n] = act_vjp(self.gate_activation, dh * (h - candidate), z[:, n : 2 * n], update)
        before = dh * update + d_rh * r + self.product_backward("U", h, scales, dz[:, : 2 * n], range(2))
        self.db += dz.sum(axis=0)
        return self.product_backward("W", x, scales, dz, range(3)), (before,)


class BayesianLSTM(_Variational, LSTM):
    r"""LSTM with variational dropout: eight masks, drawn once a sequence and the same at all its steps.

    :math:`i, f, o = \sigma((m \circ x_t) W + b + (m' \circ h_{t-1}) U)`,
    :math:`g = \tanh((m \circ x_t) W + b + (m' \circ h_{t-1}) U)`,
    :math:`c_t = f \circ c_{t-1} + i \circ g`, :math:`h_t = o \circ \tanh(c_t)`, where each of i, f, o and g
    has its own columns of W, U, b and its own masks m, m' of zeros and :math:`1 / (1 - p)`; at inference
    there are none.

    Parameters
    ----------
    p : float
        The fraction dropped, in [0, 1).
    mono : bool
        The same masks for all samples of a batch.
    n_out, n_in, nb_batch, nb_seq, init, inner_init, activation, gate_activation, forget_bias_num
        See :class:`LSTM`, which it is with ``p=0``.
    return_sequence, need_grad, return_state, go_backwards, mask_mode, remember, bptt_steps, num_layers
        See :class:`~npdl_rnn.RecurrentLayer`.

    Notes
    -----
    Input (N, T, D); output (N, T, H) or (N, H); state h and c (N, H). W (D, 4H), U (H, 4H), b (4H,), columns
    i, f, o, g. Source: Gal, A theoretically grounded application of dropout in recurrent neural networks,
    2015.

    Examples
    --------
    >>> BayesianLSTM(4, p=0.5).connect((None, 7, 3)).out_shape
    (None, 4)
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
        gate_activation: Any = "sigmoid",
        need_grad: bool = True,
        forget_bias_num: float = 1.0,
        *,
        p: float = 0.25,
        mono: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        mask_mode: str = "carry",
        remember: str = "neither",
        bptt_steps: int | None = None,
        num_layers: int = 1,
    ) -> None:
        super().__init__(
            n_out, n_in, nb_batch, nb_seq, init, inner_init, activation, return_sequence, gate_activation,
            need_grad, forget_bias_num, return_state=return_state, go_backwards=go_backwards,
            mask_mode=mask_mode, remember=remember, bptt_steps=bptt_steps, num_layers=num_layers, mono=mono,
        )  # fmt: skip
        self.set_dropout(p)

    def step(self, x: Array, state: State, train: bool) -> tuple[State, Any]:
        """Return h and c, and the step's cache."""
        n, (h, c_old), scales = self.n_out, state, self.scales(train)
        z = self.product("W", x, scales, range(4)) + self.product("U", h, scales, range(4)) + self.b
        gates = act(self.gate_activation, z[:, : 3 * n])
        g = act(self.activation, z[:, 3 * n :])
        c = gates[:, n : 2 * n] * c_old + gates[:, :n] * g
        squashed = act(self.activation, c)
        return (gates[:, 2 * n :] * squashed, c), (x, h, c_old, z, gates, g, c, squashed, scales)

    def step_backward(self, dstate: State, cache: Any) -> tuple[Array, State]:
        """Add the weight gradients; return the gradients of x and of the state before."""
        x, h, c_old, z, gates, g, c, squashed, scales = cache
        n, dh = self.n_out, dstate[0]
        i, f, o = gates[:, :n], gates[:, n : 2 * n], gates[:, 2 * n :]
        dc = dstate[1] + act_vjp(self.activation, dh * o, c, squashed)
        d_gates = np.concatenate([dc * g, dc * c_old, dh * squashed], axis=1)
        d_candidate = act_vjp(self.activation, dc * i, z[:, 3 * n :], g)
        dz = np.concatenate(
            [act_vjp(self.gate_activation, d_gates, z[:, : 3 * n], gates), d_candidate], axis=1
        )
        self.db += dz.sum(axis=0)
        dx = self.product_backward("W", x, scales, dz, range(4))
        return dx, (self.product_backward("U", h, scales, dz, range(4)), dc * f)
