"""Recurrent layers, and layers around them."""

from npdl_rnn.layers.base import RecurrentLayer
from npdl_rnn.layers.bidirectional import Bidirectional
from npdl_rnn.layers.encoder_decoder import EncoderDecoder
from npdl_rnn.layers.gru import GRU
from npdl_rnn.layers.lstm import LSTM
from npdl_rnn.layers.reverse_sequence import ReverseSequence
from npdl_rnn.layers.simple_rnn import SimpleRNN
from npdl_rnn.layers.time_distributed import TimeDistributed

__all__ = [
    "GRU",
    "LSTM",
    "Bidirectional",
    "EncoderDecoder",
    "RecurrentLayer",
    "ReverseSequence",
    "SimpleRNN",
    "TimeDistributed",
]
