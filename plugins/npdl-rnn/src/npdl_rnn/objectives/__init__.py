"""Objectives of sequences."""

from npdl_rnn.objectives.nce import NCE
from npdl_rnn.objectives.temporal_softmax import TemporalSoftmax
from npdl_rnn.objectives.vr_class_reward import VRClassReward
from npdl_rnn.objectives.wrappers import MaskZeroObjective, RepeaterObjective, SequenceObjective

__all__ = [
    "NCE",
    "MaskZeroObjective",
    "RepeaterObjective",
    "SequenceObjective",
    "TemporalSoftmax",
    "VRClassReward",
]
