"""Recurrent units that choose among operations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import ConfigError, printable
from npdl_rnn.layers.base import State
from npdl_rnn.layers.cells import FusedCell, act, act_vjp

__all__ = ["MuFuRU"]

Array = NDArray[Any]

OPERATIONS = ("keep", "replace", "mul", "diff", "forget", "sqrt_diff", "max", "min")


class MuFuRU(FusedCell):
    r"""Multi-function recurrent units: each unit mixes operations on its old state and a new feature.

    :math:`r = \sigma(x_t W_r + h_{t-1} U_r + b_r)`,
    :math:`v = \phi(x_t W_v + (r \circ h_{t-1}) U_v + b_v)`,
    :math:`p_j = \mathrm{softmax}_j(x_t W_j + h_{t-1} U_j + b_j)` for each unit, and
    :math:`h_t = \sum_j p_j \circ op_j(h_{t-1}, v)`.

    Parameters
    ----------
    ops : sequence of str
        J operations of s = :math:`h_{t-1}` and v: ``keep`` s, ``replace`` v, ``mul`` sv, ``diff`` s - v,
        ``forget`` 0, ``sqrt_diff`` :math:`\sqrt{|s - v|} / 4` (its derivative at 0 counts as 0), ``max``,
        ``min``. ``("keep", "replace")`` makes nearly a GRU.
    feature_activation : str or Activation
        :math:`\phi`: ``"tanh"`` as the paper has it, or ``"sigmoid"``, which Element-Research's code takes.
    n_out, n_in, nb_batch, nb_seq, init, inner_init, gate_activation
        See :class:`GRU`.
    return_sequence, need_grad, return_state, go_backwards, mask_mode, remember, bptt_steps, dropout
        See :class:`~npdl_rnn.RecurrentLayer`.

    Notes
    -----
    Input (N, T, D); output (N, T, H) or (N, H). W (D, kH), U (H, kH), b (kH,) with k = 2 + J column blocks r,
    v, and one for each operation in the order of ``ops``. Source: Weissenborn and Rocktäschel, MuFuRU: the
    multi-function recurrent unit, 2016.

    Raises
    ------
    ConfigError
        If an operation is unknown or comes twice, or there is none.

    Examples
    --------
    >>> MuFuRU(4, ops=["keep", "replace", "max"]).connect((None, None, 3)).W.shape
    (3, 20)
    """

    def __init__(
        self,
        n_out: int,
        n_in: int | None = None,
        nb_batch: int | None = None,
        nb_seq: int | None = None,
        init: Any = "glorot_uniform",
        inner_init: Any = "orthogonal",
        ops: Any = OPERATIONS,
        return_sequence: bool = False,
        feature_activation: Any = "tanh",
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
    ) -> None:
        self.ops = self._checked_ops(ops)
        super().__init__(
            n_out, n_in, nb_batch, nb_seq, return_sequence, need_grad, return_state, go_backwards, mask_mode,
            remember, bptt_steps, dropout, num_layers,
        )  # fmt: skip
        self.set_cell(init, inner_init, feature_activation, gate_activation)

    def _checked_ops(self, ops: Any) -> tuple[str, ...]:
        chosen = tuple(ops) if isinstance(ops, (list, tuple)) else (ops,)
        if (
            not chosen
            or len(set(map(repr, chosen))) != len(chosen)
            or any(op not in OPERATIONS for op in chosen)
        ):
            raise ConfigError(
                f"{self}: ops must name different operations out of {', '.join(OPERATIONS)}, "
                f"got {printable(repr(ops), 80)}"
            )
        return chosen

    @property
    def n_blocks(self) -> int:  # type: ignore[override]
        """How many column blocks there are."""
        return 2 + len(self.ops)

    def forward(self, input: Any, train: bool = True, *, mask: Any = None, h0: Any = None) -> Any:
        """Return the outputs (N, T, H) or the last one (N, H); with ``return_state`` a list with h."""
        return self.run(input, train, mask, (h0,))

    def step(self, x: Array, state: State, train: bool) -> tuple[State, Any]:
        """Return h and the step's cache."""
        n, h = self.n_out, state[0]
        z = x @ self.W + self.b
        reset, feature = slice(0, n), slice(n, 2 * n)
        z[:, reset] += h @ self.U[:, reset]
        z[:, 2 * n :] += h @ self.U[:, 2 * n :]
        r = act(self.gate_activation, z[:, reset])
        z[:, feature] += (r * h) @ self.U[:, feature]
        v = act(self.activation, z[:, feature])
        weights = _softmax(z[:, 2 * n :].reshape(len(z), len(self.ops), n))
        results = np.stack([_apply(op, h, v) for op in self.ops], axis=1)
        return ((weights * results).sum(axis=1),), (x, h, z, r, v, weights, results)

    def step_backward(self, dstate: State, cache: Any) -> tuple[Array, State]:
        """Add the weight gradients; return the gradients of x and of the state before."""
        x, h, z, r, v, weights, results = cache
        n, grad = self.n_out, dstate[0][:, None]
        d_weights = grad * results
        mixed = weights * (d_weights - (weights * d_weights).sum(axis=1, keepdims=True))
        dh, dv = np.zeros_like(h), np.zeros_like(v)
        for index, op in enumerate(self.ops):
            by_h, by_v = _slopes(op, h, v)
            dh += grad[:, 0] * weights[:, index] * by_h
            dv += grad[:, 0] * weights[:, index] * by_v
        dz = np.empty_like(z)
        dz[:, 2 * n :] = mixed.reshape(len(z), len(self.ops) * n)
        dz[:, n : 2 * n] = act_vjp(self.activation, dv, z[:, n : 2 * n], v)
        d_rh = dz[:, n : 2 * n] @ self.U[:, n : 2 * n].T
        dz[:, :n] = act_vjp(self.gate_activation, d_rh * h, z[:, :n], r)
        dh += d_rh * r
        for columns, fed in ((slice(0, n), h), (slice(n, 2 * n), r * h), (slice(2 * n, None), h)):
            self.dU[:, columns] += fed.T @ dz[:, columns]
            if fed is h:
                dh += dz[:, columns] @ self.U[:, columns].T
        self.dW += x.T @ dz
        self.db += dz.sum(axis=0)
        return np.asarray(dz @ self.W.T), (dh,)


def _softmax(z: Array) -> Array:
    """Return the softmax over axis 1 of z (N, J, H)."""
    shifted = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def _apply(op: str, s: Array, v: Array) -> Array:
    if op == "sqrt_diff":
        return np.asarray(np.sqrt(np.abs(s - v)) / 4)
    simple = {"keep": s, "replace": v, "forget": np.zeros_like(s)}
    if op in simple:
        return simple[op]
    return np.asarray(
        {"mul": np.multiply, "diff": np.subtract, "max": np.maximum, "min": np.minimum}[op](s, v)
    )


def _slopes(op: str, s: Array, v: Array) -> tuple[Any, Any]:
    """Return the derivatives of an operation by s and by v; where s = v, max and min are s."""
    if op == "mul":
        return v, s
    if op == "sqrt_diff":
        difference = s - v
        root = np.sqrt(np.abs(difference))
        slope = np.sign(difference) / (8 * np.where(root > 0, root, 1))
        return slope, -slope
    if op in ("max", "min"):
        mine = ((s >= v) if op == "max" else (s <= v)).astype(s.dtype)
        return mine, 1 - mine
    return {"keep": (1, 0), "replace": (0, 1), "diff": (1, -1), "forget": (0, 0)}[op]
