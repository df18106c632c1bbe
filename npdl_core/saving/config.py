"""Networks as JSON: structure, dtype, seed, input shape and compile arguments, without weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from npdl_core import registry
from npdl_core.checks import check_int, check_shape
from npdl_core.errors import ConfigError, FileFormatError, NpdlError, SerializationError, printable
from npdl_core.layers.base import Layer
from npdl_core.parameterized import Parameterized
from npdl_core.parameters import Allocator
from npdl_core.saving import strict_json
from npdl_core.saving.envelope import is_envelope, to_envelope
from npdl_core.saving.requirements import check_requirements, required_by

if TYPE_CHECKING:
    from npdl_core.model.network import Network

__all__ = ["FORMAT", "MAX_PARAMETERS", "network_document", "network_from_json", "network_to_json"]

FORMAT = 1
MAX_PARAMETERS = 2**28
"""How many numbers a document may ask for, unless the caller allows more."""
MAX_LAYERS = 10_000

_OPTIONAL = {"requires", "dtype", "seed", "input_shape", "compile", "frozen"}
_STRUCTURES = ({"layers"}, {"inputs", "nodes", "outputs"})


# -- writing -----------------------------------------------------------------------------------------------------


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
        self._refuse_repeats(layer)
        envelope = to_envelope(layer, self)
        for name, part in layers_below(layer, path):
            self._paths.setdefault(id(part), name)
        return envelope

    def _refuse_repeats(self, layer: Any) -> None:
        inner = [id(part) for _, part in layers_below(layer, "")]
        if len(set(inner)) != len(inner):
            raise SerializationError(
                f"{layer} holds one layer twice; give it a clone, or use the layer in two nodes of a Graph"
            )


def layers_below(layer: Any, path: str) -> list[tuple[str, Any]]:
    """Return a layer and all its descendants with their dotted paths."""
    found = [(path, layer)]
    if isinstance(layer, Parameterized):
        for name, child in layer.children.items():
            found += layers_below(child, f"{path}.{name}")
    return found


def network_document(network: Network) -> dict[str, Any]:
    """Return the document of a network as JSON types."""
    document: dict[str, Any] = {"format": FORMAT, "requires": required_by(_components(network))}
    document |= {
        "dtype": network.dtype.name,
        "seed": network.seed,
        "input_shape": _shape_to_json(network.input_shape),
    }
    document |= network.structure(_References().write)
    frozen = [
        path
        for name, layer in network.applications
        for path, part in layers_below(layer, name)
        if isinstance(part, Layer) and not part.trainable
    ]
    if frozen:
        document["frozen"] = list(dict.fromkeys(frozen))
    if network._compiled is not None:
        document["compile"] = _compile_to_json(network._compiled)
    return document


def network_to_json(network: Network) -> str:
    """Return the document of a network as text."""
    return strict_json.dumps(network_document(network))


def _compile_to_json(compiled: Any) -> dict[str, Any]:
    losses = {output: to_envelope(loss) for output, loss in compiled.losses.items()}
    metrics: dict[Any, list[Any]] = {}
    for output, _, metric in compiled.metrics:
        metrics.setdefault(output, []).append(to_envelope(metric))
    section: dict[str, Any] = {
        "loss": losses[None] if None in losses else losses,
        "optimizer": to_envelope(compiled.optimizer),
        "metrics": metrics.get(None, []) if set(metrics) <= {None} else metrics,
    }
    return section | ({"loss_weights": compiled.loss_weights} if compiled.loss_weights else {})


def _components(network: Network) -> list[Any]:
    layers: list[Any] = [layer for _, layer in network.applications]
    compiled = network._compiled
    if compiled is None:
        return layers
    return [
        *layers,
        *compiled.losses.values(),
        compiled.optimizer,
        *(metric for *_, metric in compiled.metrics),
    ]


def _shape_to_json(shape: Any) -> Any:
    if shape is None:
        return None
    if isinstance(shape, Mapping):
        return {name: list(item) for name, item in shape.items()}
    return list(shape)


# -- reading -----------------------------------------------------------------------------------------------------


def network_from_json(
    document: Any,
    expected: type[Any] | None = None,
    *,
    max_parameters: int = MAX_PARAMETERS,
    initialize: bool = True,
) -> Any:
    """Return a network from its document.

    Parameters
    ----------
    document : str, bytes or dict
        What :func:`network_to_json` wrote, or its parsed form.
    expected : type, optional
        The class that it must be.
    max_parameters : int
        How many numbers it may ask for.
    initialize : bool
        False leaves the weights at zero, for a caller that loads them.

    Raises
    ------
    FileFormatError
        If keys are missing, unknown or of the wrong type.
    MissingPluginError
        If a distribution that it requires is not installed or not allowed.
    BudgetError
        If it asks for too much; nothing beyond the budget is allocated.
    """
    parsed = strict_json.loads(document, "model") if isinstance(document, (str, bytes)) else document
    if not isinstance(parsed, Mapping):
        raise FileFormatError(f"model: expected a JSON object, got {printable(type(parsed).__name__)}")
    _check_keys(parsed)
    check_requirements(parsed.get("requires", {}))
    network = _build(parsed, expected)
    _freeze(network, parsed.get("frozen", []))
    if parsed.get("compile") is not None:
        network.compile(**_compile_arguments(parsed["compile"]))
    if parsed.get("input_shape") is not None:
        allocator = Allocator(check_int("max_parameters", max_parameters, 0), initialize=initialize)
        network.connect(_shape_from_json(parsed["input_shape"]), allocator)
    return network


def _check_keys(document: Mapping[str, Any]) -> None:
    structure = next((keys for keys in _STRUCTURES if keys <= set(document)), None)
    if structure is None:
        raise FileFormatError(
            "model: neither 'layers' (a Model) nor 'inputs', 'nodes' and 'outputs' (a Graph) are there"
        )
    version = document.get("format")
    if isinstance(version, bool) or version != FORMAT:
        raise FileFormatError(
            f"model: format {printable(repr(version), 40)} is not supported, expected {FORMAT}"
        )
    unknown = set(document) - structure - _OPTIONAL - {"format"}
    if unknown:
        raise FileFormatError(f"model: unknown key {printable(repr(sorted(map(str, unknown))[0]), 60)}")


def _build(document: Mapping[str, Any], expected: type[Any] | None) -> Any:
    from npdl_core.model.graph import Graph
    from npdl_core.model.model import Model

    cls = Model if "layers" in document else Graph
    if expected is not None and not issubclass(cls, expected):
        raise FileFormatError(f"this is the document of a {cls.__name__}, not of a {expected.__name__}")
    seed = check_int("seed", document.get("seed") or 0, 0, 2**128)
    dtype = document.get("dtype", "float32")
    known: dict[str, Any] = {}
    if cls is Model:
        layers = _list(document["layers"], "layers")
        built = [_layer(item, f"layers.{index}", known) for index, item in enumerate(layers)]
        return Model(built, seed=seed, dtype=dtype)
    nodes: dict[str, Any] = {}
    for node in _list(document["nodes"], "nodes"):
        if (
            not isinstance(node, Mapping)
            or set(node) != {"name", "layer", "inputs"}
            or not isinstance(node["name"], str)
        ):
            raise FileFormatError("graph: each node needs exactly 'name', 'layer' and 'inputs'")
        if node["name"] in nodes:
            raise FileFormatError(f"graph: node {printable(repr(node['name']), 60)} comes twice")
        nodes[node["name"]] = (_layer(node["layer"], f"nodes.{node['name']}", known), node["inputs"])
    return Graph(document["inputs"], nodes, document["outputs"], seed=seed, dtype=dtype)


def _list(value: Any, key: str) -> list[Any]:
    if not isinstance(value, list):
        raise FileFormatError(f"model: '{key}' must be a list, got {printable(type(value).__name__)}")
    if len(value) > MAX_LAYERS:
        raise FileFormatError(f"model: {len(value):,} {key} are more than the allowed {MAX_LAYERS:,}")
    return value


def _layer(spec: Any, path: str, known: dict[str, Any]) -> Any:
    """Return the layer of an envelope or of a reference to one before it."""
    if isinstance(spec, Mapping) and set(spec) == {"ref"}:
        return _referred(spec, path, known)
    if not (isinstance(spec, str) or is_envelope(spec)):
        raise FileFormatError(
            f"{path}: expected a layer as {{'name': …, 'config': …}}, got {printable(repr(spec), 80)}"
        )
    try:
        layer = registry.get("layers", _resolve_references(spec, path, known))
    except NpdlError as error:
        kind = type(error)
        raise kind(f"{path}: {error}") from error
    for name, part in layers_below(layer, path):
        known.setdefault(name, part)
    return layer


def _referred(spec: Mapping[str, Any], path: str, known: dict[str, Any]) -> Any:
    if not isinstance(spec["ref"], str) or spec["ref"] not in known:
        raise FileFormatError(
            f"{path}: reference {printable(repr(spec['ref']), 60)} names no layer before it"
        )
    return known[spec["ref"]]


def _resolve_references(spec: Any, path: str, known: dict[str, Any]) -> Any:
    if isinstance(spec, Mapping):
        if set(spec) == {"ref"}:
            return _referred(spec, path, known)
        return {key: _resolve_references(value, path, known) for key, value in spec.items()}
    if isinstance(spec, list):
        return [_resolve_references(value, path, known) for value in spec]
    return spec


def _freeze(network: Any, frozen: Any) -> None:
    parts = {path: part for name, layer in network.applications for path, part in layers_below(layer, name)}
    for path in _list(frozen, "frozen"):
        if path not in parts or not isinstance(parts[path], Layer):
            raise FileFormatError(
                f"model: 'frozen' names {printable(repr(path), 60)}, which is no layer of it"
            )
        parts[path].trainable = False


def _compile_arguments(section: Any) -> dict[str, Any]:
    if not isinstance(section, Mapping) or not {"loss", "optimizer"} <= set(section):
        raise FileFormatError("model: 'compile' needs 'loss' and 'optimizer'")
    unknown = set(section) - {"loss", "optimizer", "metrics", "loss_weights"}
    if unknown:
        raise FileFormatError(
            f"model: unknown key {printable(repr(sorted(map(str, unknown))[0]), 60)} in 'compile'"
        )
    return dict(section)


def _shape_from_json(shape: Any) -> Any:
    try:
        if isinstance(shape, Mapping):
            return {
                name: check_shape(f"input_shape[{name}]", item, unknown=True) for name, item in shape.items()
            }
        return check_shape("input_shape", shape, unknown=True)
    except ConfigError as error:
        raise FileFormatError(f"model: {error}") from None
