"""npdl-rnn: recurrent layers that train, carry state, respect masks, and are fast."""

from npdl_rnn.layers import (
    GRU,
    LSTM,
    Bidirectional,
    EncoderDecoder,
    RecurrentLayer,
    ReverseSequence,
    SimpleRNN,
    TimeDistributed,
)

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
