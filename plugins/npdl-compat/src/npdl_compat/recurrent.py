"""Gated layers with NumpyDL's arguments of ``forward`` and its names of the weights of single gates."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import npdl_rnn
from npdl_core.errors import ConfigError
from npdl_rnn.layers.cells import FusedCell

__all__ = ["GRU", "LSTM", "BatchLSTM", "Recurrent"]

Array = NDArray[Any]


class Recurrent(FusedCell):
    """Base of a program's own recurrent layers, with the arguments that NumpyDL's has.

    Subclasses define a step (:class:`npdl_rnn.RecurrentLayer`) and its backward, or override ``forward`` and
    ``backward``. SimpleRNN, GRU, LSTM and BatchLSTM count as subclasses.

    Parameters
    ----------
    n_out, n_in, nb_batch, nb_seq, return_sequence
        See :class:`npdl_rnn.RecurrentLayer`.
    init, inner_init : str, Initializer or array
        How to fill W (D, H) and U (H, H).
    activation : str or Activation
        Of the output.

    Examples
    --------
    >>> issubclass(npdl_rnn.SimpleRNN, Recurrent)
    True
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
    ) -> None:
        super().__init__(n_out, n_in, nb_batch, nb_seq, return_sequence)
        self.set_cell(init, inner_init, activation)


class _Gate:
    """The columns of one gate in a fused array, to read and to write."""

    def __init__(self, array: str, index: int) -> None:
        self.array, self.index = array, index

    def __get__(self, layer: Any, owner: Any = None) -> Any:
        if layer is None:
            return self
        n_out = layer.n_out
        return getattr(layer, self.array)[..., self.index * n_out : (self.index + 1) * n_out]

    def __set__(self, layer: Any, value: Any) -> None:
        self.__get__(layer)[...] = value


def _arguments(names: tuple[str, ...], positions: tuple[Any, ...], given: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a forward by name; a bool in front is npdl's ``train``.

    Raises
    ------
    ConfigError
        For more arguments than there are, or one that comes twice.
    """
    if positions and isinstance(positions[0], bool):
        names = ("train", *names)
    named = dict(zip(names, positions, strict=False))
    twice = [name for name in named if given.get(name) is not None]
    if len(positions) > len(names) or twice:
        raise ConfigError(f"forward takes input, {', '.join(names)}, each once")
    merged = {**given, **named}
    if merged.get("mask") is not None:
        merged["mask"] = np.asarray(merged["mask"]) != 0
    return merged


class LSTM(npdl_rnn.LSTM):
    """Long short-term memory, with ``forward(x, mask=None, c0=None, h0=None)``.

    After a forward ``h0`` and ``c0`` hold the final state, unless it was an inference (``train=False``). The
    weights of a gate are ``U_i`` (D, H), ``W_i`` (H, H) and ``b_i`` (H,), for i, f, o and g: parts of the
    fused arrays W, U and b of :class:`npdl_rnn.LSTM`, whose arguments these are.

    Examples
    --------
    >>> layer = LSTM(2).connect((None, None, 3))
    >>> layer.U_f.shape, layer.W_f.shape, layer.b_f.tolist()
    ((3, 2), (2, 2), [1.0, 1.0])
    >>> layer.forward(np.ones((1, 4, 3)), np.ones((1, 4))).shape, layer.c0.shape
    ((1, 2), (1, 2))
    """

    positions: tuple[str, ...] = ("mask", "c0", "h0")
    U_i, U_f, U_o, U_g = (_Gate("W", index) for index in range(4))
    W_i, W_f, W_o, W_g = (_Gate("U", index) for index in range(4))
    b_i, b_f, b_o, b_g = (_Gate("b", index) for index in range(4))

    def forward(self, input: Any, *positions: Any, **options: Any) -> Any:
        """Return the outputs (N, T, H) or the last one (N, H)."""
        return super().forward(input, **_arguments(self.positions, positions, options))

    def run_state(self, input: Any, train: bool, mask: Any, given: Any) -> Any:
        """Return output and final state, and keep a copy of the state when training."""
        output, final = super().run_state(input, train, mask, given)
        if train:
            self.h0, self.c0 = (array.copy() for array in final)
        return output, final


class BatchLSTM(LSTM):
    """:class:`LSTM` with ``forward(x, c0=None, h0=None)`` and ``backward(g, dcn=None, dhn=None)``.

    After a backward ``d_c0`` and ``d_h0`` hold the gradients of the initial state. ``AllW`` (1 + D + H, 4H)
    shows bias, input and recurrent weights.

    Examples
    --------
    >>> BatchLSTM(2).connect((None, None, 3)).AllW.shape
    (6, 8)
    """

    positions = ("c0", "h0")


class GRU(npdl_rnn.GRU):
    """Gated recurrent units of :class:`npdl_rnn.GRU`, with the weights of single gates under NumpyDL's names.

    ``U_r`` (D, H), ``W_r`` (H, H) and ``b_r`` (H,), for r, z and h, are parts of the fused W, U and b.

    Examples
    --------
    >>> GRU(2).connect((None, None, 3)).U_z.shape
    (3, 2)
    """

    U_r, U_z, U_h = (_Gate("W", index) for index in range(3))
    W_r, W_z, W_h = (_Gate("U", index) for index in range(3))
    b_r, b_z, b_h = (_Gate("b", index) for index in range(3))


for _layer in (npdl_rnn.SimpleRNN, npdl_rnn.GRU, npdl_rnn.LSTM):
    Recurrent.register(_layer)
