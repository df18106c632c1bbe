"""Weights by name, JSON, files and copies of networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import WeightsError
from npdl_core.model.compilable import Compilable
from npdl_core.parameters import mismatches

__all__ = ["Persistent"]

_ATTRIBUTES = ("history", "stop_training", "max_parameters")


class Persistent(Compilable):
    """Compiled or not, it can be saved, loaded, copied and pickled."""

    # -- weights ---------------------------------------------------------------------------------------------

    def weights(self) -> dict[str, NDArray[Any]]:
        """Return every array that a file keeps, by name: the arrays themselves, not copies."""
        arrays = {name: parameter.value for name, parameter in self.named_parameters()}
        foreign = self.foreign_layers()
        for prefix, layer in self.applications:
            if layer in foreign:
                arrays.update({f"{prefix}.{k}": array for k, array in enumerate(layer.params)})
        return arrays

    def set_weights(self, values: Mapping[str, Any]) -> None:
        """Copy arrays into the weights of the same names.

        Parameters
        ----------
        values : dict of str to array
            All that :meth:`weights` has, of the same shapes.

        Raises
        ------
        WeightsError
            Listing every missing, unexpected and mismatched name at once; nothing is changed.
        """
        own = self.weights()
        arrays = {name: np.asarray(value) for name, value in values.items()}
        problems = mismatches(own, arrays)
        problems += [
            f"{name} holds {array.dtype}, no real numbers"
            for name, array in arrays.items()
            if array.dtype.kind not in "biuf"
        ]
        if problems:
            raise WeightsError("these weights do not fit the model: " + "; ".join(problems))
        for name, array in own.items():
            array[...] = arrays[name]

    # -- files -----------------------------------------------------------------------------------------------

    def to_json(self) -> str:
        """Return the model without its weights as JSON text.

        Raises
        ------
        SerializationError
            If it holds code, arrays or components that are not registered.
        """
        from npdl_core.saving.document import network_to_json

        return network_to_json(self)

    @classmethod
    def from_json(cls, document: Any, *, max_parameters: int | None = None) -> Self:
        """Return a model from JSON text, or its parsed form; all is checked before anything is allocated.

        Parameters
        ----------
        document : str, bytes or dict
            What :meth:`to_json` wrote.
        max_parameters : int, optional
            How many numbers the model may ask for, now or when it is connected later; 2²⁸ by default.

        Raises
        ------
        FileFormatError, MissingPluginError, BudgetError
            See :func:`npdl_core.load`.
        """
        from npdl_core.saving.config import network_from_json

        network: Self = network_from_json(document, cls, max_parameters=max_parameters)
        return network

    def save(self, path: Any) -> None:
        """Write configuration and weights into one safetensors file, atomically and reproducibly."""
        from npdl_core.saving.weights import save

        save(self, path)

    @classmethod
    def load(cls, path: Any) -> Self:
        """Return the model that :meth:`save` wrote; a file can run no code."""
        from npdl_core.saving.weights import load

        network: Self = load(path, expected=cls)
        return network

    def load_weights(self, path: Any) -> None:
        """Copy the weights of a saved model of the same structure into this one."""
        from npdl_core.saving.weights import load_weights

        load_weights(self, path)

    # -- copies ----------------------------------------------------------------------------------------------

    def clone(self) -> Self:
        """Return a network of the same structure and seed, not connected, with weights of its own to come."""
        copies: dict[int, Any] = {}
        parts = self.parts(lambda layer: layer.clone(copies))
        return type(self)(**parts, seed=self.seed, dtype=self.dtype.name)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle through layers' configurations and arrays: a copied view would lose its buffer."""
        state = {
            "parts": self.parts(lambda layer: layer),
            "settings": {"seed": self.seed, "dtype": self.dtype.name},
            "shape": self.input_shape,
            "compile": self.recipe(),
            "rng": [rng.bit_generator.state for rng in (self.layer_rng, self.shuffle_rng)],
            "attributes": {name: getattr(self, name) for name in _ATTRIBUTES},
        }
        return _rebuild, (type(self), state)


def _rebuild(cls: type[Persistent], state: dict[str, Any]) -> Persistent:
    network = cls(**state["parts"], **state["settings"])
    for name, value in state["attributes"].items():
        setattr(network, name, value)
    if state["shape"] is not None:
        network.connect(state["shape"])
    if state["compile"] is not None:
        network.compile(**state["compile"])
    for rng, saved in zip((network.layer_rng, network.shuffle_rng), state["rng"], strict=True):
        rng.bit_generator.state = saved
    return network
