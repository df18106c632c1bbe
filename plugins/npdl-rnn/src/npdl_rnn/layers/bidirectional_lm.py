"""A sequence read from both ends, each step without itself; and the pair of LSTMs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import ConfigError, ShapeError
from npdl_rnn.layers.bidirectional import Bidirectional
from npdl_rnn.layers.lstm import LSTM

__all__ = ["BidirectionalLM", "SeqBRNN"]

Array = NDArray[Any]


class BidirectionalLM(Bidirectional):
    r"""Read from both ends, never the step itself: a bidirectional language model without a leak.

    :math:`y_t = \mathrm{merge}(\overrightarrow h_{t-1}, \overleftarrow h_{t+1})`, where h beyond either end
    is 0, so that the target of step t may be :math:`x_t`.

    Parameters
    ----------
    layer : str, envelope or RecurrentLayer
        Reads forwards; it returns sequences. A stack goes in here (``num_layers``, or a ``sequencer`` of a
        ``chain``): stacking this layer would leak.
    backward_layer : str, envelope or RecurrentLayer, optional
        Reads backwards (``go_backwards=True``); by default as ``layer``, with weights of its own.
    merge : str
        ``"concat"`` on the last axis, ``"sum"``, ``"mul"`` or ``"ave"``.

    Notes
    -----
    Input (N, T, D) with at least two steps; output (N, T, 2H), or (N, T, H). The forward layer reads
    :math:`x_1 … x_{T-1}`, the backward one :math:`x_T … x_2`. The product of all :math:`p(x_t \mid
    \text{rest})` is a pseudo-likelihood. Source: Besag, Statistical analysis of non-lattice data, 1975;
    Léonard et al., rnn: recurrent library for Torch, 2015.

    Raises
    ------
    ConfigError
        If a layer does not return sequences, returns states or carries them.

    Examples
    --------
    >>> spec = {"name": "npdl-rnn:lstm", "config": {"n_out": 4, "return_sequence": True}}
    >>> BidirectionalLM(spec).connect((None, None, 3)).out_shape
    (None, None, 8)
    """

    def __init__(self, layer: Any, backward_layer: Any = None, merge: str = "concat") -> None:
        super().__init__(layer, backward_layer, merge)
        for one in self.both:
            if not one.return_sequence or one.return_state or one.carried.mode != "neither":
                raise ConfigError(
                    f"{self}: {one} must have return_sequence=True, return_state=False and remember='neither'"
                )

    def remember_mode(self, mode: str) -> None:
        """Refuse to carry state: the forward layer never reads the last step of a call.

        Raises
        ------
        ConfigError
            For any mode but ``"neither"``.
        """
        if mode != "neither":
            raise ConfigError(f"{self} carries no state from call to call")

    def forward(  # type: ignore[override]
        self, input: Any, train: bool = True, *, mask: NDArray[np.bool_] | None = None
    ) -> Any:
        """Return the merged outputs.

        Raises
        ------
        ShapeError
            If there are less than two steps.
        """
        if input.ndim < 2 or input.shape[1] < 2:
            raise ShapeError(f"{self} needs at least two steps, got an input of shape {input.shape}")
        outputs = []
        for index, layer in enumerate(self.both):
            seen = (slice(None), slice(1, None) if index else slice(None, -1))
            part, _ = layer.run_state(input[seen], train, None if mask is None else mask[seen], ())
            beyond = np.zeros_like(part[:, :1])
            outputs.append(np.concatenate([part[:, ::-1], beyond] if index else [beyond, part], axis=1))
        if train:
            self.retain(*(outputs if self.merge == "mul" else (None, None)))
        return self._merged(*outputs)

    def backward(self, pre_grad: Any) -> Array | None:
        """Return the input's gradient."""
        self.retained()
        total: Array | None = None
        for index, (layer, grad) in enumerate(zip(self.both, self._split(pre_grad), strict=True)):
            layer.first_layer = self.first_layer
            dx, _ = layer.backward_state(grad[:, -2::-1] if index else grad[:, 1:], ())
            if dx is None:
                continue
            if total is None:
                total = np.zeros((len(dx), dx.shape[1] + 1, *dx.shape[2:]), dx.dtype)
            total[:, 1:] += dx if index else 0
            total[:, :-1] += 0 if index else dx
        return total


class SeqBRNN(Bidirectional):
    r"""Two LSTMs that read from both ends: :math:`y_t = \overrightarrow h_t + \overleftarrow h_t`.

    Parameters
    ----------
    n_out : int
        H, how many units each of them has.
    n_in : int, optional
        D, needed only by a first layer that must connect before it sees data.
    merge : str
        ``"sum"``, or ``"concat"``, ``"mul"``, ``"ave"``.
    init, inner_init, forget_bias_num, mask_mode, remember, dropout, num_layers
        See :class:`~npdl_rnn.LSTM`.

    Notes
    -----
    ``bidirectional`` around an ``lstm``, with Element-Research's initial values. Input (N, T, D), output
    (N, T, H), or (N, T, 2H). Source: Schuster and Paliwal, Bidirectional recurrent neural networks, 1997.

    Examples
    --------
    >>> SeqBRNN(4).connect((None, None, 3)).out_shape
    (None, None, 4)
    """

    def __init__(
        self,
        n_out: int,
        n_in: int | None = None,
        merge: str = "sum",
        init: Any = "seq_normal",
        inner_init: Any = "seq_normal",
        forget_bias_num: float = 1.0,
        mask_mode: str = "carry",
        remember: str = "neither",
        dropout: float = 0.0,
        num_layers: int = 1,
    ) -> None:
        lstm = LSTM(
            n_out, n_in, init=init, inner_init=inner_init, return_sequence=True,
            forget_bias_num=forget_bias_num, mask_mode=mask_mode, remember=remember, dropout=dropout,
            num_layers=num_layers,
        )  # fmt: skip
        super().__init__(lstm, merge=merge)
