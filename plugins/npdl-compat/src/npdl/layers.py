"""NumpyDL's layers; others of npdl's are found here by their class names."""

from typing import Any

from npdl_compat.bases import Layer
from npdl_compat.lookup import rest_of
from npdl_compat.recurrent import GRU, LSTM, BatchLSTM, Recurrent
from npdl_conv.layers.convolution import Convolution
from npdl_conv.layers.pooling import MaxPooling, MeanPooling
from npdl_core.errors import ConfigError
from npdl_core.layers.base import Layer as _Layer
from npdl_core.layers.dense import Dense, Linear, Softmax
from npdl_core.layers.dropout import Dropout
from npdl_core.layers.embedding import Embedding
from npdl_core.layers.identity import Input
from npdl_core.layers.normalization import BatchNormal
from npdl_core.layers.shape import DimShuffle, Flatten
from npdl_rnn import SimpleRNN

__all__ = [
    "GRU",
    "LSTM",
    "BatchLSTM",
    "BatchNormal",
    "Convolution",
    "Dense",
    "DimShuffle",
    "Dropout",
    "Embedding",
    "Flatten",
    "InputLayer",
    "Layer",
    "Linear",
    "MaxPooling",
    "MeanPooling",
    "Recurrent",
    "SimpleRNN",
    "Softmax",
]

Layer.register(_Layer)  # type: ignore[type-abstract]  # npdl's layers count as instances
__getattr__ = rest_of("layers")


def InputLayer(n_in: int | None = None, shape: Any = None) -> Input:
    """Return the layer that says what comes in, as in NumpyDL 0.1: ``n_in``, or a shape with the batch.

    Raises
    ------
    ConfigError
        If neither is given.

    Examples
    --------
    >>> InputLayer(shape=(None, 1, 8, 8)).declared_input_shape()
    (None, 1, 8, 8)
    """
    if shape is None and n_in is None:
        raise ConfigError("InputLayer: give n_in or shape")
    return Input((n_in,) if shape is None else tuple(shape)[1:])
