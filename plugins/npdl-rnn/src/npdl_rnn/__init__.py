"""npdl-rnn: recurrent layers that train, carry state, respect masks, and are fast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from npdl_rnn.layers import (
        GRU,
        LSTM,
        BatchNormLSTM,
        BayesianGRU,
        BayesianLSTM,
        Bidirectional,
        BidirectionalLM,
        EncoderDecoder,
        FastLSTM,
        MaskZero,
        MuFuRU,
        NormStabilizer,
        PeepholeLSTM,
        ProjectedLSTM,
        Recurrence,
        Recurrent,
        RecurrentAttention,
        RecurrentLayer,
        Recursor,
        Repeater,
        ReverseSequence,
        SeqBRNN,
        Sequencer,
        SimpleRNN,
        TimeDistributed,
        TrimZero,
    )

__all__ = [
    "GRU",
    "LSTM",
    "BatchNormLSTM",
    "BayesianGRU",
    "BayesianLSTM",
    "Bidirectional",
    "BidirectionalLM",
    "EncoderDecoder",
    "FastLSTM",
    "MaskZero",
    "MuFuRU",
    "NormStabilizer",
    "PeepholeLSTM",
    "ProjectedLSTM",
    "Recurrence",
    "Recurrent",
    "RecurrentAttention",
    "RecurrentLayer",
    "Recursor",
    "Repeater",
    "ReverseSequence",
    "SeqBRNN",
    "Sequencer",
    "SimpleRNN",
    "TimeDistributed",
    "TrimZero",
]


def __getattr__(name: str) -> Any:
    """Import a public member at its first use: every process that uses npdl's hooks imports this package."""
    if name not in __all__:
        raise AttributeError(f"module 'npdl_rnn' has no attribute {name!r}")
    from npdl_rnn import layers

    return getattr(layers, name)


def __dir__() -> list[str]:
    """Return the public members, imported or not."""
    return sorted({*globals(), *__all__})
