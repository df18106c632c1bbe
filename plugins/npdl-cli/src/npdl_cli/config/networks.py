"""The table ``[model]``: a chain of layers, or a graph of nodes."""

from __future__ import annotations

from typing import Any

from npdl_cli.config.components import component
from npdl_cli.config.item import Item
from npdl_core.checks import check_choice, check_int
from npdl_core.errors import NpdlError
from npdl_core.model import Graph, Model, Network

__all__ = ["network"]

_COMMON = ("seed", "dtype", "max_parameters")
_CHAIN = ("layers",)
_GRAPH = ("inputs", "nodes", "outputs")


def network(item: Item) -> Network:
    """Return the Model or Graph that ``[model]`` describes, not connected.

    Raises
    ------
    ConfigFileError
        Naming the entry that is wrong.

    Examples
    --------
    >>> network(Item({"layers": ["flatten", {"name": "softmax", "n_out": 2}]}, "run.toml", ("model",)))
    Model([0.flatten, 1.softmax])
    """
    entries = item.table(*_COMMON, *_CHAIN, *_GRAPH)
    settings: dict[str, Any] = {}
    if "seed" in entries:
        settings["seed"] = entries["seed"].checked(check_int, 0)
    if "dtype" in entries:
        settings["dtype"] = entries["dtype"].checked(check_choice, ("float32", "float64"))
    graph = [key for key in _GRAPH if key in entries]
    if graph and "layers" in entries:
        raise item.error(f"it has layers, a chain, and {graph[0]}, of a graph; give one of them")
    if graph:
        return _graph(item, settings)
    if "layers" not in entries:
        raise item.error("missing layers, for a chain, or inputs, nodes and outputs, for a graph")
    layers = entries["layers"].items()
    if not layers:
        raise entries["layers"].error("expected at least one layer")
    return Model([component("layers", layer) for layer in layers], **settings)


def _graph(item: Item, settings: dict[str, Any]) -> Graph:
    entries = item.table(*_COMMON, *_GRAPH, required=_GRAPH)
    nodes: dict[str, Any] = {}
    for node in entries["nodes"].items():
        parts = node.table("name", "layer", "inputs", required=("name", "layer", "inputs"))
        name = parts["name"].string()
        if name in nodes:
            raise parts["name"].error("this name is taken by a node before it")
        nodes[name] = (_layer(parts["layer"], nodes), _names(parts["inputs"]))
    try:
        return Graph(_inputs(entries["inputs"]), nodes, _names(entries["outputs"]), **settings)
    except NpdlError as error:
        raise item.error(error) from error


def _layer(item: Item, nodes: dict[str, Any]) -> Any:
    """Return a node's layer; ``{ref = "node"}`` is the layer of a node before it, with the same weights."""
    if not isinstance(item.value, dict) or "name" in item.value:
        return component("layers", item)
    other = item.table("ref", required=["ref"])["ref"]
    if other.string() not in nodes:
        raise other.error(f"names no node before it, got {other.shown()}")
    return nodes[other.value][0]


def _names(item: Item) -> str | list[str]:
    return item.string() if isinstance(item.value, str) else [member.string() for member in item.items()]


def _inputs(item: Item) -> Any:
    """Return names, or declarations by name, in which -1 stands for a size that varies."""
    if not isinstance(item.value, dict):
        return _names(item)
    return {name: _declaration(entry) for name, entry in item.table().items()}


def _declaration(item: Item) -> Any:
    if not isinstance(item.value, dict):
        return _shape(item)
    entries = item.table("shape", "integer")
    return {key: _shape(entry) if key == "shape" else entry.value for key, entry in entries.items()}


def _shape(item: Item) -> list[int | None]:
    sizes = [size.checked(check_int, -1) for size in item.items()]
    return [None if size == -1 else size for size in sizes]
