"""npdl-rnn: recurrent layers for npdl."""

from npdl_rnn.layers import GRU, LSTM, RecurrentLayer, SimpleRNN

__all__ = ["GRU", "LSTM", "RecurrentLayer", "SimpleRNN"]
