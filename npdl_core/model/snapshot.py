"""All that an update changes, to go back to."""

from __future__ import annotations

from typing import Any

import numpy as np

from npdl_core.rng import generator_state, restore_generator
from npdl_core.saving.document import layers_below

__all__ = ["Snapshot", "generators", "stateful_layers"]


def generators(network: Any) -> list[np.random.Generator]:
    """Return the sources of randomness of a network: of its layers, and of the order of samples."""
    return [network.layer_rng, network.shuffle_rng]


def stateful_layers(network: Any) -> dict[str, Any]:
    """Return by path the layers that keep more than weights and give it out: a state carried over calls."""
    found: dict[int, tuple[str, Any]] = {}
    for name, layer in network.applications:
        for path, part in layers_below(layer, name):
            if hasattr(part, "state") and hasattr(part, "load_state"):
                found.setdefault(id(part), (path, part))
    return dict(found.values())


class Snapshot:
    """A copy of weights, running statistics, optimizer, carried states and random generators.

    Parameters
    ----------
    network : Model or Graph
        Connected and compiled.

    Attributes
    ----------
    weights : dict of str to ndarray
        By name, as in files.
    """

    def __init__(self, network: Any) -> None:
        self._network = network
        self.weights = {name: array.copy() for name, array in network.weights().items()}
        parts = [network.optimizer, *stateful_layers(network).values()]
        self._states = [(part, part.state()) for part in parts if hasattr(part, "load_state")]
        self._generators = [(rng, generator_state(rng)) for rng in generators(network)]

    def restore(self) -> None:
        """Put everything back."""
        self._network.set_weights(self.weights)
        for part, state in self._states:
            part.load_state(state)
        for rng, state in self._generators:
            restore_generator(rng, state)
