"""Recurrent layers."""

from npdl_rnn.layers.base import RecurrentLayer
from npdl_rnn.layers.gru import GRU
from npdl_rnn.layers.lstm import LSTM
from npdl_rnn.layers.simple_rnn import SimpleRNN

__all__ = ["GRU", "LSTM", "RecurrentLayer", "SimpleRNN"]
