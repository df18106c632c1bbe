"""What a graph is described by: its inputs, and nodes that read them and each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from npdl_core import registry
from npdl_core.checks import check_bool, check_shape
from npdl_core.errors import ConfigError, printable
from npdl_core.layers.base import Layer, Shape
from npdl_core.model.foreign import adopt, refuse_reuse
from npdl_core.model.inputs import listed

__all__ = ["GraphInput", "Node", "ordered_nodes", "read_inputs", "read_outputs"]

LONGEST_NAME = 100
RESERVED = ("loss", "training")
"""What the names of other tensors in a file begin with."""


class GraphInput(NamedTuple):
    """Shape of one sample, None where it follows from the data; whether it holds ids."""

    shape: Shape | None
    integer: bool


class Node(NamedTuple):
    """A layer and the names that it reads; ``several`` says whether it takes them as a list."""

    layer: Layer
    sources: list[str]
    several: bool

    def given(self, values: Mapping[str, Any]) -> Any:
        """Return what this node reads from values by name."""
        return [values[source] for source in self.sources] if self.several else values[self.sources[0]]


def _shown(value: object) -> str:
    return printable(repr(value), 60)


def _check_name(name: object) -> str:
    if not isinstance(name, str) or not name.isidentifier() or len(name) > LONGEST_NAME:
        raise ConfigError(
            f"graph: a name is made of at most {LONGEST_NAME} letters, digits and underscores, "
            f"got {_shown(name)}"
        )
    if name in RESERVED:
        raise ConfigError(f"graph: the name {name!r} is reserved for what files hold beside the layers")
    return name


def read_inputs(inputs: Any) -> dict[str, GraphInput]:
    """Return the declared inputs by name.

    Raises
    ------
    ConfigError
        If there is none, or one is described by something else than a shape, or shape and integer.
    """
    if isinstance(inputs, str):
        inputs = [inputs]
    if not isinstance(inputs, (Mapping, Sequence)):
        raise ConfigError(f"graph: inputs must be names, or a dict of names to shapes, got {_shown(inputs)}")
    if not inputs:
        raise ConfigError("graph: at least one input is needed")
    named = inputs if isinstance(inputs, Mapping) else {_check_name(name): None for name in inputs}
    if len(named) != len(inputs):
        raise ConfigError(f"graph: an input comes twice in {_shown(list(inputs))}")
    return {_check_name(name): _read_input(name, spec) for name, spec in named.items()}


def _read_input(name: str, spec: Any) -> GraphInput:
    if not isinstance(spec, Mapping):
        spec = {"shape": spec}
    if not set(spec) <= {"shape", "integer"}:
        raise ConfigError(f"graph: input {name!r}: only shape and integer can be said of it")
    shape = spec.get("shape")
    return GraphInput(
        None if shape is None else check_shape(f"inputs[{name!r}]", shape, unknown=True),
        check_bool("integer", spec.get("integer", False)),
    )


def read_outputs(outputs: Any) -> list[str]:
    """Return the names of the outputs.

    Raises
    ------
    ConfigError
        If there is none, or one comes twice.
    """
    if isinstance(outputs, str):
        return [outputs]
    if not isinstance(outputs, Sequence) or not all(isinstance(name, str) for name in outputs):
        raise ConfigError(f"graph: outputs must be a node's name or a list of them, got {_shown(outputs)}")
    if not outputs or len(set(outputs)) != len(outputs):
        raise ConfigError("graph: outputs must be different nodes, at least one")
    return list(outputs)


def ordered_nodes(nodes: Any, inputs: Iterable[str], outputs: Sequence[str]) -> dict[str, Node]:
    """Return checked nodes in an order in which each comes after those that it reads.

    Raises
    ------
    ConfigError
        If a name is taken twice or unknown, there is a cycle, or a node leads to no output.
    """
    if not isinstance(nodes, Mapping):
        raise ConfigError(f"graph: nodes must be a dict of names to (layer, sources), got {_shown(nodes)}")
    read: dict[str, Node] = {}
    for name, node in nodes.items():
        read[_check_name(name)] = _read_node(name, node)
        refuse_reuse(read[name].layer, [other.layer for key, other in read.items() if key != name])
    _check_references(read, set(inputs), outputs)
    order = _topological(read)
    _check_reached(read, order, outputs)
    return {name: read[name] for name in order}


def _read_node(name: str, node: Any) -> Node:
    if not isinstance(node, (tuple, list)) or len(node) != 2:
        raise ConfigError(f"graph: node {name!r} must be (layer, source) or (layer, [sources])")
    spec, sources = node
    named = isinstance(spec, (str, Mapping, type))
    several = not isinstance(sources, str)
    names = sources if several else [sources]
    if not isinstance(names, (list, tuple)) or not all(isinstance(source, str) for source in names):
        raise ConfigError(f"graph: node {name!r} reads names of inputs and nodes, got {_shown(sources)}")
    if not names:
        raise ConfigError(f"graph: node {name!r} reads nothing")
    return Node(adopt(registry.get("layers", spec) if named else spec), list(names), several)


def _check_references(nodes: Mapping[str, Node], inputs: set[str], outputs: Sequence[str]) -> None:
    both = sorted(inputs & nodes.keys())
    if both:
        raise ConfigError(f"graph: {both[0]!r} names an input and a node")
    for name, node in nodes.items():
        for source in node.sources:
            if source not in inputs and source not in nodes:
                raise ConfigError(f"graph: node {name!r} reads {_shown(source)}, which is no input or node")
    for name in outputs:
        if name not in nodes:
            raise ConfigError(f"graph: output {_shown(name)} is no node; the nodes are {listed(nodes)}")


def _topological(nodes: Mapping[str, Node]) -> list[str]:
    """Return node names, each after those that it reads, in the order of declaration where that is free."""
    waiting = {name: sum(source in nodes for source in node.sources) for name, node in nodes.items()}
    readers: dict[str, list[str]] = {name: [] for name in nodes}
    for name, node in nodes.items():
        for source in node.sources:
            if source in nodes:
                readers[source].append(name)
    order = [name for name, count in waiting.items() if not count]
    for name in order:
        for reader in readers[name]:
            waiting[reader] -= 1
            if not waiting[reader]:
                order.append(reader)
    if len(order) < len(nodes):
        raise ConfigError(f"graph: these nodes form a cycle: {listed(sorted(set(nodes) - set(order)))}")
    return order


def _check_reached(nodes: Mapping[str, Node], order: list[str], outputs: Sequence[str]) -> None:
    useful = set(outputs)
    for name in reversed(order):
        if name not in useful:
            raise ConfigError(f"graph: node {name!r} leads to no output; remove it, or add it to the outputs")
        useful.update(nodes[name].sources)
