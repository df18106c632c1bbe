"""npdl-rnn: recurrent layers that train, carry state, respect masks, and are fast."""

from npdl_rnn.layers import (
    GRU,
    LSTM,
    BatchNormLSTM,
    BayesianGRU,
    BayesianLSTM,
    Bidirectional,
    EncoderDecoder,
    FastLSTM,
    MuFuRU,
    NormStabilizer,
    PeepholeLSTM,
    ProjectedLSTM,
    RecurrentLayer,
    ReverseSequence,
    SimpleRNN,
    TimeDistributed,
)

__all__ = [
    "GRU",
    "LSTM",
    "BatchNormLSTM",
    "BayesianGRU",
    "BayesianLSTM",
    "Bidirectional",
    "EncoderDecoder",
    "FastLSTM",
    "MuFuRU",
    "NormStabilizer",
    "PeepholeLSTM",
    "ProjectedLSTM",
    "RecurrentLayer",
    "ReverseSequence",
    "SimpleRNN",
    "TimeDistributed",
]
