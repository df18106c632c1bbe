"""Writing networks as JSON: structure, dtype, seed, input shape and compile arguments, without weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from npdl_core.composite import Composite
from npdl_core.errors import SerializationError
from npdl_core.parameterized import Parameterized
from npdl_core.saving import strict_json
from npdl_core.saving.envelope import to_envelope
from npdl_core.saving.requirements import required_by

if TYPE_CHECKING:
    from npdl_core.model.persistence import Persistent

__all__ = ["FORMAT", "layers_below", "network_document", "network_to_json"]

FORMAT = 1


class _References:
    """Remembers where each layer of a document stands, so that a repeat is written as ``{"ref": path}``."""

    def __init__(self) -> None:
        self._paths: dict[int, str] = {}

    def __call__(self, component: Any) -> dict[str, Any] | None:
        path = self._paths.get(id(component))
        return None if path is None else {"ref": path}

    def write(self, layer: Any, path: str) -> dict[str, Any]:
        """Return a layer's envelope or reference, and note where it and its children stand."""
        found = self(layer)
        if found is not None:
            return found
        below = layers_below(layer, path)
        if len({id(part) for _, part in below}) != len(below):
            raise SerializationError(
                f"{layer} holds one layer twice; give it a clone, or use the layer in two nodes of a Graph"
            )
        envelope = to_envelope(layer, self)
        for name, part in below:
            self._paths.setdefault(id(part), name)
        return envelope


def layers_below(layer: Any, path: str) -> list[tuple[str, Any]]:
    """Return a layer and all its descendants with their dotted paths."""
    found = [(path, layer)]
    if isinstance(layer, Composite):
        for name, child in layer.children.items():
            found += layers_below(child, f"{path}.{name}")
    return found


def network_document(network: Persistent) -> dict[str, Any]:
    """Return the document of a network as JSON types.

    Raises
    ------
    SerializationError
        If something in it has no JSON form.
    """
    document: dict[str, Any] = {
        "format": FORMAT,
        "requires": {},
        "dtype": network.dtype.name,
        "seed": network.seed,
        "input_shape": _shape_to_json(network.input_shape),
    }
    document |= network.structure(_References().write)
    frozen = list(_frozen_paths(network))
    if frozen:
        document["frozen"] = frozen
    recipe = network.recipe()
    if recipe is not None:
        document["compile"] = _compile_to_json(recipe)
    document["requires"] = required_by(document)
    return document


def network_to_json(network: Persistent) -> str:
    """Return the document of a network as text."""
    return strict_json.dumps(network_document(network))


def _frozen_paths(network: Persistent) -> Iterable[str]:
    """Yield the paths of frozen layers and parameters, by the names of their tensors."""
    for name, layer in network.applications:
        for path, part in layers_below(layer, name):
            if isinstance(part, Parameterized):
                if not part.trainable:
                    yield path
                yield from (f"{path}.{parameter}" for parameter in part.frozen_names)


def _compile_to_json(recipe: Mapping[str, Any]) -> dict[str, Any]:
    section = {key: _envelopes(recipe[key]) for key in ("loss", "optimizer", "metrics")}
    return section | ({"loss_weights": recipe["loss_weights"]} if recipe["loss_weights"] else {})


def _envelopes(value: Any) -> Any:
    if isinstance(value, dict):
        return {output: _envelopes(item) for output, item in value.items()}
    return [to_envelope(item) for item in value] if isinstance(value, list) else to_envelope(value)


def _shape_to_json(shape: Any) -> Any:
    if shape is None:
        return None
    return {name: list(item) for name, item in shape.items()} if isinstance(shape, dict) else list(shape)
