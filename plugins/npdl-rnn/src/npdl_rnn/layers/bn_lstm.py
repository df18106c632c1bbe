"""LSTM with recurrent batch normalisation."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_bool, check_float, check_int
from npdl_rnn.layers.base import State
from npdl_rnn.layers.cells import act, act_vjp
from npdl_rnn.layers.lstm import LSTM

__all__ = ["BatchNormLSTM"]

Array = NDArray[Any]


class _Normalised(NamedTuple):
    """What standardising one array at one step leaves: the result, and 1 / deviation."""

    scaled: Array
    inverse: Array


class BatchNormLSTM(LSTM):
    r"""LSTM with recurrent batch normalisation; Element-Research's ``FastLSTM`` with ``bn``.

    :math:`a_t = \gamma_x \circ N(x_t W) + \gamma_h \circ N(h_{t-1} U) + b`; :math:`i, f, o = \sigma(a_t)`
    and :math:`g = \tanh(a_t)` by column block; :math:`c_t = f \circ c_{t-1} + i \circ g`;
    :math:`h_t = o \circ \tanh(\gamma_c \circ N(c_t) + \beta_c)`, where
    :math:`N(a) = (a - \mu) / \sqrt{v + \epsilon}` with mean and biased variance over the batch at one step,
    at inference running averages of them.

    Parameters
    ----------
    epsilon : float
        Keeps the root away from 0.
    momentum : float
        Weight of the old running value, in [0, 1]; Torch's is 1 - ours.
    affine : bool
        Whether there are :math:`\gamma` and :math:`\beta_c`.
    gamma_init : float
        Initial :math:`\gamma`; small, lest tanh saturates.
    stat_steps : int
        S: the first S - 1 steps have running averages of their own, all later ones share the last; 1 is
        Element-Research's, many steps is the paper's.
    n_out, n_in, nb_batch, nb_seq, init, inner_init, activation, gate_activation, forget_bias_num
        See :class:`LSTM`.
    return_sequence, need_grad, return_state, go_backwards, mask_mode, remember, bptt_steps, dropout
        See :class:`~npdl_rnn.RecurrentLayer`.

    Notes
    -----
    Input (N, T, D); output (N, T, H) or (N, H); state h, c (N, H), with S > 1 also how many steps went by,
    (N, 1). W (D, 4H), U (H, 4H), b (4H,), gamma_x, gamma_h (4H,), gamma_c, beta_c (H,); running averages
    ``mean_x`` (S, 4H) and so on. Masked samples count in no statistic.
    Source: Cooijmans et al., Recurrent batch normalization, 2017.

    Examples
    --------
    >>> layer = BatchNormLSTM(4, stat_steps=3).connect((None, None, 3))
    >>> layer.gamma_x.shape, layer.var_c.shape
    ((16,), (3, 4))
    """

    per_sample = False

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
        forget_bias_num: float = 0.0,
        *,
        epsilon: float = 1e-5,
        momentum: float = 0.9,
        affine: bool = True,
        gamma_init: float = 0.1,
        stat_steps: int = 1,
        return_state: bool = False,
        go_backwards: bool = False,
        mask_mode: str = "carry",
        remember: str = "neither",
        bptt_steps: int | None = None,
        dropout: float = 0.0,
        num_layers: int = 1,
    ) -> None:
        self.stat_steps = check_int("stat_steps", stat_steps, 1, 100_000)
        super().__init__(
            n_out, n_in, nb_batch, nb_seq, init, inner_init, activation, return_sequence, gate_activation,
            need_grad, forget_bias_num, return_state=return_state, go_backwards=go_backwards,
            mask_mode=mask_mode, remember=remember, bptt_steps=bptt_steps, dropout=dropout,
            num_layers=num_layers,
        )  # fmt: skip
        self.epsilon = check_float("epsilon", epsilon, 0, above=True)
        self.momentum = check_float("momentum", momentum, 0, 1)
        self.affine = check_bool("affine", affine)
        self.gamma_init = check_float("gamma_init", gamma_init)

    def state_sizes(self) -> tuple[int, ...]:
        """Return the lengths of h and c, and of the counter of steps where it is needed."""
        return (self.n_out, self.n_out) if self.stat_steps == 1 else (self.n_out, self.n_out, 1)

    def add_cell_params(self, n_in: int) -> None:
        """Make W, U, b, the gains, the cell's shift, and the running averages."""
        super().add_cell_params(n_in)
        for name, blocks in (("x", 4), ("h", 4), ("c", 1)):
            width = blocks * self.n_out
            if self.affine:
                self.add_param(f"gamma_{name}", (width,), np.full(width, self.gamma_init), decay=False)
            self.add_param(f"mean_{name}", (self.stat_steps, width), "zero", trainable=False)
            self.add_param(f"var_{name}", (self.stat_steps, width), "one", trainable=False)
        if self.affine:
            self.add_param("beta_c", (self.n_out,), "zero", decay=False)

    def uses_kernel(self) -> bool:
        """Return False: there is no sequence kernel."""
        return False

    # -- statistics ------------------------------------------------------------------------------------------

    def _normalised(self, name: str, a: Array, index: Array, real: Array | None, train: bool) -> _Normalised:
        """Return an array standardised: by the batch in training, else by each sample's running averages."""
        mean, var = getattr(self, f"mean_{name}"), getattr(self, f"var_{name}")
        if not train:
            inverse = 1 / np.sqrt(var[index] + self.epsilon, dtype=self.dtype)
            return _Normalised((a - mean[index]) * inverse, inverse)
        weights = np.ones((len(a), 1), self.dtype) if real is None else real
        count = max(float(weights.sum()), 1.0)
        mu = (a * weights).sum(axis=0, keepdims=True) / count
        centred = (a - mu) * weights
        batch_var = np.square(centred).sum(axis=0, keepdims=True) / count
        inverse = 1 / np.sqrt(batch_var + self.epsilon, dtype=self.dtype)
        pace = 1 - self.momentum if weights.any() else 0
        for running, batch in ((mean, mu), (var, batch_var)):
            for step in np.unique(index):
                running[step] += pace * (batch[0] - running[step])
        return _Normalised(np.asarray(centred * inverse, self.dtype), inverse)

    def _normalised_backward(self, grad: Array, kept: _Normalised, real: Array | None) -> Array:
        """Return the gradient of what was standardised in training."""
        weights = np.ones((len(grad), 1), self.dtype) if real is None else real
        count = max(float(weights.sum()), 1.0)
        grad = grad * weights
        mean = grad.sum(axis=0) / count
        along = (grad * kept.scaled).sum(axis=0) / count
        return np.asarray((grad - (mean + kept.scaled * along) * weights) * kept.inverse, self.dtype)

    def _gain(self, name: str) -> Any:
        return getattr(self, f"gamma_{name}") if self.affine else 1

    def _gain_backward(self, name: str, grad: Array, kept: _Normalised) -> Array:
        """Add the gain's gradient and return that of the standardised array."""
        if not self.affine:
            return grad
        target = getattr(self, f"dgamma_{name}")
        target += (grad * kept.scaled).sum(axis=0)
        return np.asarray(grad * getattr(self, f"gamma_{name}"))

    # -- one step --------------------------------------------------------------------------------------------

    def step(self, x: Array, state: State, train: bool) -> tuple[State, Any]:
        """Return h, c and the counter, and the step's cache, all samples being real."""
        return self._step(x, state, None, train)

    def advance(self, x: Any, state: State, real: Array | None, train: bool) -> tuple[State, Any]:
        """Do one step whose statistics are those of the samples that are real."""
        (h, c, *counter), cache = self._step(x, state, real, train)
        if real is None:
            return (h, c, *counter), cache
        keep = 0 if self.mask_mode == "reset" else 1 - real
        return (real * h + keep * state[0], real * c + keep * state[1], *counter), cache

    def _step(self, x: Array, state: State, real: Array | None, train: bool) -> tuple[State, Any]:
        n, h, c_old = self.n_out, state[0], state[1]
        index = self._which_statistics(state)
        from_x = self._normalised("x", x @ self.W, index, real, train)
        from_h = self._normalised("h", h @ self.U, index, real, train)
        z = from_x.scaled * self._gain("x") + from_h.scaled * self._gain("h") + self.b
        gates = act(self.gate_activation, z[:, : 3 * n])
        g = act(self.activation, z[:, 3 * n :])
        c = gates[:, n : 2 * n] * c_old + gates[:, :n] * g
        cell = self._normalised("c", c, index, real, train)
        shown = cell.scaled * self._gain("c") + (self.beta_c if self.affine else 0)
        squashed = act(self.activation, shown)
        new = (gates[:, 2 * n :] * squashed, c, *(count + 1 for count in state[2:]))
        return new, (x, h, c_old, z, gates, g, shown, squashed, from_x, from_h, cell, real)

    def _which_statistics(self, state: State) -> Array:
        """Return for each sample the row of the running averages."""
        if self.stat_steps == 1:
            return np.zeros(len(state[0]), int)
        return np.minimum(state[2][:, 0], self.stat_steps - 1).astype(int)

    def step_backward(self, dstate: State, cache: Any) -> tuple[Array, State]:
        """Add the gradients of weights and gains; return those of x and of the state before."""
        x, h, c_old, z, gates, g, shown, squashed, from_x, from_h, cell, real = cache
        n, dh = self.n_out, dstate[0]
        i, f, o = gates[:, :n], gates[:, n : 2 * n], gates[:, 2 * n :]
        d_shown = act_vjp(self.activation, dh * o, shown, squashed)
        if self.affine:
            self.dbeta_c += d_shown.sum(axis=0)
        dc = dstate[1] + self._normalised_backward(self._gain_backward("c", d_shown, cell), cell, real)
        d_gates = np.concatenate([dc * g, dc * c_old, dh * squashed], axis=1)
        d_candidate = act_vjp(self.activation, dc * i, z[:, 3 * n :], g)
        dz = np.concatenate(
            [act_vjp(self.gate_activation, d_gates, z[:, : 3 * n], gates), d_candidate], axis=1
        )
        self.db += dz.sum(axis=0)
        dx_fed = self._normalised_backward(self._gain_backward("x", dz, from_x), from_x, real)
        dh_fed = self._normalised_backward(self._gain_backward("h", dz, from_h), from_h, real)
        self.dW += x.T @ dx_fed
        self.dU += h.T @ dh_fed
        return dx_fed @ self.W.T, (dh_fed @ self.U.T, dc * f, *(np.zeros_like(d) for d in dstate[2:]))
