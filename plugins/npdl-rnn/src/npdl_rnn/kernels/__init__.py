"""Sequence kernels of this family, declared in core's table so that faster ones can override them."""

from __future__ import annotations

from npdl_core.kernels import declare
from npdl_rnn.kernels import gru, lstm, simple_rnn, weights

__all__ = [
    "gru_after_backward",
    "gru_after_forward",
    "gru_backward",
    "gru_forward",
    "lstm_backward",
    "lstm_forward",
    "recurrent_affine_backward",
    "simple_rnn_backward",
    "simple_rnn_forward",
]

gru_after_backward = declare("gru_after_backward", gru.gru_after_backward)
gru_after_forward = declare("gru_after_forward", gru.gru_after_forward)
gru_backward = declare("gru_backward", gru.gru_backward)
gru_forward = declare("gru_forward", gru.gru_forward)
lstm_backward = declare("lstm_backward", lstm.lstm_backward)
lstm_forward = declare("lstm_forward", lstm.lstm_forward)
recurrent_affine_backward = declare("recurrent_affine_backward", weights.recurrent_affine_backward)
simple_rnn_backward = declare("simple_rnn_backward", simple_rnn.simple_rnn_backward)
simple_rnn_forward = declare("simple_rnn_forward", simple_rnn.simple_rnn_forward)
