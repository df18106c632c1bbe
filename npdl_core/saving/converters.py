"""Weights of dense, normalising and embedding layers from and to PyTorch's and Keras's names and layouts.

A layer of another package takes part by a class attribute ``weight_maps`` of the form that :data:`MAPS` has
for each class.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import ConfigError, NotConnectedError, WeightsError
from npdl_core.layers.base import Layer
from npdl_core.layers.dense import Dense
from npdl_core.layers.embedding import Embedding
from npdl_core.layers.layer_norm import LayerNorm
from npdl_core.layers.normalization import BatchNormal
from npdl_core.parameters import Parameter, mismatches

__all__ = ["MAPS", "Foreign", "from_keras", "from_torch", "to_keras", "to_torch"]

Array = NDArray[Any]


class Foreign(NamedTuple):
    """What another library calls a parameter, and the order of our axes that gives its layout.

    Attributes
    ----------
    name : str
        Its name there.
    axes : tuple of int or None
        ``theirs = np.transpose(ours, axes)``; None where the layouts are the same.
    """

    name: str
    axes: tuple[int, ...] | None = None


Names = Mapping[str, Foreign]

MAPS: Mapping[type[Layer], Mapping[str, Names]] = {
    Dense: {
        "torch": {"W": Foreign("weight", (1, 0)), "b": Foreign("bias")},
        "keras": {"W": Foreign("kernel"), "b": Foreign("bias")},
    },
    BatchNormal: {
        "torch": {
            "gamma": Foreign("weight"),
            "beta": Foreign("bias"),
            "running_mean": Foreign("running_mean"),
            "running_var": Foreign("running_var"),
        },
        "keras": {
            "gamma": Foreign("gamma"),
            "beta": Foreign("beta"),
            "running_mean": Foreign("moving_mean"),
            "running_var": Foreign("moving_variance"),
        },
    },
    Embedding: {"torch": {"W": Foreign("weight")}, "keras": {"W": Foreign("embeddings")}},
    LayerNorm: {
        "torch": {"gamma": Foreign("weight"), "beta": Foreign("bias")},
        "keras": {"gamma": Foreign("gamma"), "beta": Foreign("beta")},
    },
}

_COUNTERS = {"num_batches_tracked"}
"""What PyTorch keeps in a state dict that is no weight of ours."""


def from_torch(layer: Layer, weights: Mapping[str, Any]) -> None:
    """Set all weights of a connected layer from a PyTorch module's state dict, as arrays or tensors.

    PyTorch keeps the unbiased running variance, ours is the biased one; it is copied as it is.

    Raises
    ------
    WeightsError
        Lists every name that is missing, unexpected or of another shape; nothing is changed then.
    ConfigError
        If there is no map for this kind of layer.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Dense(2).connect((None, 3))
    >>> from_torch(layer, {"weight": np.ones((2, 3)), "bias": np.zeros(2)})
    >>> float(layer.W.sum())
    6.0
    """
    _read(layer, "torch", weights)


def to_torch(layer: Layer, *, grads: bool = False) -> dict[str, Array]:
    """Return copies of the weights, or of their gradients, under PyTorch's names and in its layouts.

    Examples
    --------
    >>> {name: array.shape for name, array in to_torch(Dense(2).connect((None, 3))).items()}
    {'weight': (2, 3), 'bias': (2,)}
    """
    return _write(layer, "torch", grads)


def from_keras(layer: Layer, weights: Mapping[str, Any]) -> None:
    """Set all weights of a connected layer from Keras's, by their names (``kernel``, ``bias``, ``gamma``, …).

    Raises as :func:`from_torch` does.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Dense(2).connect((None, 3))
    >>> from_keras(layer, {"kernel": np.ones((3, 2)), "bias": np.zeros(2)})
    >>> float(layer.W.sum())
    6.0
    """
    _read(layer, "keras", weights)


def to_keras(layer: Layer, *, grads: bool = False) -> dict[str, Array]:
    """Return copies of the weights, or of their gradients, under Keras's names and in its layouts.

    Examples
    --------
    >>> {name: array.shape for name, array in to_keras(Dense(2).connect((None, 3))).items()}
    {'kernel': (3, 2), 'bias': (2,)}
    """
    return _write(layer, "keras", grads)


def _pairs(layer: Layer, library: str) -> list[tuple[Foreign, Parameter]]:
    """Return each parameter with what the other library calls it."""
    maps = getattr(layer, "weight_maps", None) or next(
        (MAPS[cls] for cls in type(layer).__mro__ if cls in MAPS), {}
    )
    if library not in maps:
        known = ", ".join(sorted(cls.__name__ for cls in MAPS))
        raise ConfigError(
            f"{layer}: there is no map to {library}'s names; there is one for {known} and their subclasses"
        )
    parameters = dict(layer.named_parameters())
    if not parameters:
        raise NotConnectedError(f"{layer} has no weights yet; connect it to an input shape first")
    return [(foreign, parameters[own]) for own, foreign in maps[library].items() if own in parameters]


def _read(layer: Layer, library: str, weights: Mapping[str, Any]) -> None:
    pairs = _pairs(layer, library)
    came = {name: np.asarray(array) for name, array in weights.items() if name not in _COUNTERS}
    expected = {foreign.name: _theirs(parameter.value, foreign) for foreign, parameter in pairs}
    problems = mismatches(expected, came)
    if problems:
        raise WeightsError(f"{layer}: these weights do not fit: {'; '.join(problems)}")
    for foreign, parameter in pairs:
        _theirs(parameter.value, foreign)[...] = came[foreign.name]


def _write(layer: Layer, library: str, grads: bool) -> dict[str, Array]:
    chosen = [(foreign, p.grad if grads else p.value) for foreign, p in _pairs(layer, library)]
    return {foreign.name: _theirs(array, foreign).copy() for foreign, array in chosen if array is not None}


def _theirs(array: Array, foreign: Foreign) -> Array:
    """Return a view of our array in the other library's layout."""
    return array if foreign.axes is None else np.transpose(array, foreign.axes)
