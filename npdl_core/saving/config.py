"""Reading networks from JSON: everything is checked before anything is built, and sizes before allocation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from npdl_core import registry
from npdl_core.checks import check_choice, check_int
from npdl_core.dtypes import FLOAT_TYPES
from npdl_core.errors import FileFormatError, NpdlError, printable
from npdl_core.parameterized import Parameterized
from npdl_core.parameters import Allocator
from npdl_core.saving import strict_json
from npdl_core.saving.document import FORMAT, layers_below
from npdl_core.saving.envelope import is_envelope
from npdl_core.saving.requirements import check_requirements

if TYPE_CHECKING:
    from npdl_core.model.network import Network

__all__ = ["MAX_LAYERS", "MAX_PARAMETERS", "network_from_json"]

MAX_PARAMETERS = 2**28
"""How many numbers a document may ask for, unless the caller allows more."""
MAX_LAYERS = 10_000

_OPTIONAL = {"requires", "dtype", "seed", "input_shape", "compile", "frozen"}
_STRUCTURES = ({"layers"}, {"inputs", "nodes", "outputs"})
_COMPILE = {"loss", "optimizer", "metrics", "loss_weights"}


def network_from_json(
    document: Any,
    expected: type[Any] | None = None,
    *,
    max_parameters: int | None = None,
    allocator: Allocator | None = None,
) -> Any:
    """Return a network from its document.

    Parameters
    ----------
    document : str, bytes or dict
        What ``to_json`` wrote, or its parsed form.
    expected : type, optional
        The class that it must be.
    max_parameters : int, optional
        How many numbers it may ask for, now or later; 2²⁸ by default.
    allocator : Allocator, optional
        Makes the arrays, with a budget of its own: for a caller that has the weights.

    Raises
    ------
    FileFormatError
        If keys are missing, unknown or of the wrong type.
    MissingPluginError
        If a distribution that it requires is not installed or not allowed.
    BudgetError
        If it asks for too much; nothing beyond the budget is allocated.
    """
    limit = MAX_PARAMETERS if max_parameters is None else check_int("max_parameters", max_parameters, 0)
    if isinstance(document, (str, bytes)):
        parsed = strict_json.loads(document, "model")
    else:
        parsed = strict_json.normalized(document, "model")
    if not isinstance(parsed, dict):
        raise FileFormatError(f"model: expected a JSON object, got {printable(type(parsed).__name__)}")
    _check_keys(parsed)
    check_requirements(parsed.get("requires", {}))
    with _described("model"):
        network = _build(parsed, expected)
        network.max_parameters = limit
        _freeze(network, _list(parsed.get("frozen", []), "frozen"))
        if parsed.get("input_shape") is not None:  # first: compile would connect to a declared shape itself
            network.connect(parsed["input_shape"], allocator or Allocator(limit))
        if parsed.get("compile") is not None:
            network.compile(**_compile_arguments(parsed["compile"]))
    return network


@contextmanager
def _described(what: str) -> Iterator[None]:
    """Turn whatever a component's code raises at a document's values into an error of ours."""
    try:
        yield
    except NpdlError:
        raise
    except Exception as error:
        raise FileFormatError(
            f"{what}: cannot be built: {type(error).__name__}: {printable(error, 200)}"
        ) from error


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
    unknown = sorted(set(document) - structure - _OPTIONAL - {"format"})
    if unknown:
        raise FileFormatError(f"model: unknown key {printable(repr(unknown[0]), 60)}")


def _build(document: Mapping[str, Any], expected: type[Any] | None) -> Network:
    from npdl_core.model.graph import Graph
    from npdl_core.model.model import Model

    cls = Model if "layers" in document else Graph
    if expected is not None and not issubclass(cls, expected):
        raise FileFormatError(f"this is the document of a {cls.__name__}, not of a {expected.__name__}")
    seed = document.get("seed")
    settings: dict[str, Any] = {
        "seed": None if seed is None else check_int("seed", seed, 0),
        "dtype": check_choice("dtype", document.get("dtype", "float32"), FLOAT_TYPES),
    }
    known: dict[str, Any] = {}
    if cls is Model:
        layers = _list(document["layers"], "layers")
        return Model([_layer(item, f"layers.{i}", known) for i, item in enumerate(layers)], **settings)
    nodes = dict(_node(item, known) for item in _list(document["nodes"], "nodes"))
    if len(nodes) != len(document["nodes"]):
        raise FileFormatError("graph: two nodes have one name")
    return Graph(document["inputs"], nodes, document["outputs"], **settings)


def _list(value: Any, key: str) -> list[Any]:
    if not isinstance(value, list):
        raise FileFormatError(f"model: '{key}' must be a list, got {printable(type(value).__name__)}")
    if len(value) > MAX_LAYERS:
        raise FileFormatError(f"model: {len(value):,} {key} are more than the allowed {MAX_LAYERS:,}")
    return value


def _node(node: Any, known: dict[str, Any]) -> tuple[str, tuple[Any, Any]]:
    form = isinstance(node, dict) and set(node) == {"name", "layer", "inputs"}
    if not form or not isinstance(node["name"], str):
        raise FileFormatError("graph: each node needs exactly 'name', 'layer' and 'inputs'")
    return node["name"], (_layer(node["layer"], f"nodes.{node['name']}", known), node["inputs"])


def _layer(spec: Any, path: str, known: dict[str, Any]) -> Any:
    """Return the layer of an envelope or of a reference to one before it."""
    if isinstance(spec, dict) and set(spec) == {"ref"}:
        return _referred(spec, path, known)
    if not (isinstance(spec, str) or is_envelope(spec)):
        raise FileFormatError(
            f"{printable(path, 80)}: expected a layer as {{'name': …, 'config': …}}, "
            f"got {printable(repr(spec), 80)}"
        )
    try:
        layer = registry.get("layers", _resolve_references(spec, path, known))
    except NpdlError as error:
        raise error.at(printable(path, 80)) from error
    for name, part in layers_below(layer, path):
        known.setdefault(name, part)
    return layer


def _referred(spec: Mapping[str, Any], path: str, known: dict[str, Any]) -> Any:
    if not isinstance(spec["ref"], str) or spec["ref"] not in known:
        raise FileFormatError(
            f"{printable(path, 80)}: reference {printable(repr(spec['ref']), 60)} names no layer before it"
        )
    return known[spec["ref"]]


def _resolve_references(spec: Any, path: str, known: dict[str, Any]) -> Any:
    if isinstance(spec, dict):
        if set(spec) == {"ref"}:
            return _referred(spec, path, known)
        return {key: _resolve_references(value, path, known) for key, value in spec.items()}
    if isinstance(spec, list):
        return [_resolve_references(value, path, known) for value in spec]
    return spec


def _freeze(network: Network, frozen: list[Any]) -> None:
    """Freeze the layers and parameters of these paths; a layer inside a frozen one may be trainable."""
    parts = {
        path: part
        for name, layer in network.applications
        for path, part in layers_below(layer, name)
        if isinstance(part, Parameterized)
    }
    wanted = {path for path in frozen if isinstance(path, str)}
    for path, part in parts.items():
        part.trainable = path not in wanted
    for path in frozen:
        owner, _, name = path.rpartition(".") if isinstance(path, str) else ("", "", "")
        if path in parts:
            continue
        if owner not in parts:
            raise FileFormatError(
                f"model: 'frozen' names {printable(repr(path), 60)}, which is no layer or parameter of it"
            )
        parts[owner].freeze(name)


def _compile_arguments(section: Any) -> dict[str, Any]:
    if not isinstance(section, dict) or not {"loss", "optimizer"} <= set(section):
        raise FileFormatError("model: 'compile' needs 'loss' and 'optimizer'")
    unknown = sorted(set(section) - _COMPILE)
    if unknown:
        raise FileFormatError(f"model: unknown key {printable(repr(unknown[0]), 60)} in 'compile'")
    return dict(section)
