"""Recurrent layers, and layers around them."""

from npdl_rnn.layers.base import RecurrentLayer
from npdl_rnn.layers.bidirectional import Bidirectional
from npdl_rnn.layers.bidirectional_lm import BidirectionalLM, SeqBRNN
from npdl_rnn.layers.bn_lstm import BatchNormLSTM
from npdl_rnn.layers.encoder_decoder import EncoderDecoder
from npdl_rnn.layers.glimpse import Glimpse
from npdl_rnn.layers.gru import GRU
from npdl_rnn.layers.lstm import LSTM
from npdl_rnn.layers.mufuru import MuFuRU
from npdl_rnn.layers.norm_stabilizer import NormStabilizer
from npdl_rnn.layers.presets import FastLSTM, PeepholeLSTM, ProjectedLSTM
from npdl_rnn.layers.recurrence import Recurrence
from npdl_rnn.layers.recurrent import Recurrent
from npdl_rnn.layers.recurrent_attention import RecurrentAttention
from npdl_rnn.layers.recursor import Recursor
from npdl_rnn.layers.reinforce import ReinforceBernoulli, ReinforceCategorical, ReinforceNormal
from npdl_rnn.layers.reinforce_gamma import ReinforceGamma
from npdl_rnn.layers.repeater import Repeater
from npdl_rnn.layers.reverse_sequence import ReverseSequence
from npdl_rnn.layers.sequencer import Sequencer
from npdl_rnn.layers.simple_rnn import SimpleRNN
from npdl_rnn.layers.time_distributed import TimeDistributed
from npdl_rnn.layers.variational import BayesianGRU, BayesianLSTM
from npdl_rnn.layers.zero_rows import MaskZero, TrimZero

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
    "Glimpse",
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
    "ReinforceBernoulli",
    "ReinforceCategorical",
    "ReinforceGamma",
    "ReinforceNormal",
    "Repeater",
    "ReverseSequence",
    "SeqBRNN",
    "Sequencer",
    "SimpleRNN",
    "TimeDistributed",
    "TrimZero",
]
