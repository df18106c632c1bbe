"""Objectives of sequences."""

from npdl_rnn.objectives.temporal_softmax import TemporalSoftmax

__all__ = ["TemporalSoftmax"]
