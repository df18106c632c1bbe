"""A directed acyclic graph of layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from npdl_core import registry
from npdl_core.checks import check_bool, check_shape
from npdl_core.errors import ConfigError, printable
from npdl_core.layers.base import Layer, Shape, Shaped
from npdl_core.model.foreign import ForeignLayer, adopt
from npdl_core.model.network import Network, located

__all__ = ["Graph"]


class Graph(Network):
    """Named nodes, each a layer fed by inputs and other nodes.

    Parameters
    ----------
    inputs : sequence of names, or dict of name to shape
        Shapes are of one sample, without the batch axis; None where they follow from the data. ``{"shape": …,
        "integer": True}`` declares ids.
    nodes : dict of name to (layer, source) or (layer, [sources])
        The layer is a name, an envelope or an instance; one instance in several nodes shares its weights.
        Sources are names of inputs or nodes, in any order as long as there is no cycle.
    outputs : str, or sequence of names
        Nodes that are the outputs. Several make dicts of outputs, targets and losses.
    seed, dtype
        As of :class:`Model`.

    Examples
    --------
    >>> import numpy as np
    >>> graph = Graph(
    ...     inputs=["left", "right"],
    ...     nodes={"both": ("concat", ["left", "right"]), "y": ("dense", "both")} | {"y": (
    ...         {"name": "dense", "config": {"n_out": 2}}, "both")},
    ...     outputs="y",
    ... )
    >>> graph.connect({"left": (None, 3), "right": (None, 4)}).summary().count("dense") > 0
    True
    >>> graph.predict({"left": np.ones((5, 3)), "right": np.ones((5, 4))}).shape
    (5, 2)
    """

    def __init__(
        self,
        inputs: Any,
        nodes: Mapping[str, Any],
        outputs: Any,
        *,
        seed: int | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(seed=seed, dtype=dtype)
        self.inputs = _declared_inputs(inputs)
        self._single = isinstance(outputs, str)
        self.outputs: list[str] = [outputs] if isinstance(outputs, str) else list(outputs)
        self._nodes = {name: _parse_node(name, node) for name, node in nodes.items()}
        self._check_names()
        self._order = _topological(self._nodes)
        self._index = {name: index for index, name in enumerate(self._order)}

    def _check_names(self) -> None:
        both = sorted(set(self.inputs) & set(self._nodes))
        if both:
            raise ConfigError(f"graph: {both[0]!r} names an input and a node")
        for name in [*self.inputs, *self._nodes]:
            if not isinstance(name, str) or not name.replace("_", "").isalnum():
                raise ConfigError(
                    f"graph: names are letters, digits and underscores, got {printable(repr(name), 60)}"
                )
        known = set(self.inputs) | set(self._nodes)
        for name, (_, sources, _) in self._nodes.items():
            for source in sources:
                if source not in known:
                    raise ConfigError(
                        f"graph: node {name!r} reads {printable(repr(source), 60)}, which is no input or node"
                    )
        for name in self.outputs:
            if name not in self._nodes:
                raise ConfigError(
                    f"graph: output {printable(repr(name), 60)} is no node; nodes are {sorted(self._nodes)}"
                )
        if not self.outputs or len(set(self.outputs)) != len(self.outputs):
            raise ConfigError("graph: outputs must be different nodes, at least one")

    @property
    def layers(self) -> list[Any]:
        """The layers in the order of computation."""
        found = [self._nodes[name][0] for name in self._order]
        return [layer.inner if isinstance(layer, ForeignLayer) else layer for layer in found]

    @property
    def applications(self) -> list[tuple[str, Layer]]:
        """Name and layer of each node, in the order of computation."""
        return [(name, self._nodes[name][0]) for name in self._order]

    def sources(self, node: str) -> list[str]:
        """Return the names that a node reads."""
        return list(self._nodes[node][1])

    def roots(self) -> set[int]:
        """Return the indices of nodes that read inputs only."""
        return {
            self._index[name]
            for name, (_, sources, _) in self._nodes.items()
            if set(sources) <= set(self.inputs)
        }

    def declared_input_shape(self) -> Any:
        """Return all inputs' shapes, or None if one is not declared."""
        shapes = {name: shape for name, (shape, _) in self.inputs.items()}
        if any(shape is None for shape in shapes.values()):
            return None
        return {name: (None, *(shape or ())) for name, shape in shapes.items()}

    def output_layers(self) -> Any:
        """Return the output node's layer, or a dict of them."""
        layers = {name: self._nodes[name][0] for name in self.outputs}
        return layers[self.outputs[0]] if self._single else layers

    def connect(self, shape: Any, allocator: Any = None) -> Self:
        """Connect to a dict of shapes by input name; one input's shape may stand alone."""
        if not isinstance(shape, Mapping):
            if len(self.inputs) != 1:
                raise ConfigError(f"graph: give a dict of shapes for the inputs {list(self.inputs)}")
            shape = {next(iter(self.inputs)): tuple(shape)}
        if set(shape) != set(self.inputs):
            raise ConfigError(
                f"graph: shapes for {sorted(map(str, shape))}, but the inputs are {list(self.inputs)}"
            )
        return super().connect({name: tuple(shape[name]) for name in self.inputs}, allocator)

    def _propagate(self, shape: dict[str, Shape]) -> None:
        shapes: dict[str, Any] = dict(shape)
        for name in self._order:
            layer, sources, several = self._nodes[name]
            came = [shapes[source] for source in sources] if several else shapes[sources[0]]
            with located(name, layer):
                layer.connect_to(Shaped(came))
            layer.in_shape = came
            shapes[name] = layer.out_shape

    def _takes_ids(self, name: str | None) -> bool:
        name = next(iter(self.inputs)) if name is None else name
        declared = self.inputs.get(name, (None, False))[1]
        readers = [layer for layer, sources, _ in self._nodes.values() if name in sources]
        return declared or any(layer.integer_input for layer in readers)

    def _check_input(self, x: Any) -> None:
        super()._check_input(x if isinstance(x, dict) else {next(iter(self.inputs)): x})

    def _connect_to_data(self, x: Any) -> None:
        super()._connect_to_data(x if isinstance(x, dict) else {next(iter(self.inputs)): x})

    def run(self, x: Any, train: bool, mask: Any = None) -> tuple[Any, Any]:
        """Return the output and its mask; dicts of them by name for several outputs.

        ``mask`` belongs to all inputs, or is a dict by input name.
        """
        values: dict[str, Any] = dict(x) if isinstance(x, dict) else {next(iter(self.inputs)): x}
        masks: dict[str, Any] = {name: mask.get(name) if isinstance(mask, dict) else mask for name in values}
        for index, name in enumerate(self._order):
            values[name], masks[name] = self._run_node(index, name, values, masks, train)
        if self._single:
            return values[self.outputs[0]], masks[self.outputs[0]]
        return {name: values[name] for name in self.outputs}, {name: masks[name] for name in self.outputs}

    def _run_node(
        self, index: int, name: str, values: dict[str, Any], masks: dict[str, Any], train: bool
    ) -> tuple[Any, Any]:
        layer, sources, several = self._nodes[name]
        sharing = self._sharing if train else None
        given = [values[source] for source in sources] if several else values[sources[0]]
        mask = joined_mask([masks[source] for source in sources])
        if sharing is not None:
            sharing.before_forward(index)
        out = (
            layer.forward(given, train=train, mask=mask)
            if layer.accepts_mask
            else layer.forward(given, train=train)
        )
        if sharing is not None:
            sharing.after_forward(index)
        return out, layer.compute_mask(given, mask)

    def backward(self, grad: Any, skip_activation: bool = False) -> Any:
        """Run all nodes' backward, outputs to inputs; return a dict of the inputs' gradients, where there are any."""
        grads: dict[str, Any] = {self.outputs[0]: grad} if self._single else dict(grad)
        owned: set[str] = set()
        for index in range(len(self._order) - 1, -1, -1):
            name = self._order[index]
            if name not in grads:
                raise ConfigError(
                    f"graph: node {name!r} leads to no output; remove it, or add it to the outputs"
                )
            layer, sources, several = self._nodes[name]
            if self._sharing is not None:
                self._sharing.before_backward(index)
            fused = skip_activation and self._single and name == self.outputs[0]
            back = layer.backward(grads[name], **({"skip_activation": True} if fused else {}))
            if self._sharing is not None:
                self._sharing.after_backward(index)
            if back is None:
                continue
            for source, part in zip(sources, back if several else [back], strict=True):
                _accumulate(grads, owned, source, part)
        if self._sharing is not None:
            self._sharing.finish()
        return {name: grads[name] for name in self.inputs if name in grads}

    def structure(self, to_envelope: Any) -> dict[str, Any]:
        """Return inputs, nodes and outputs."""
        nodes = [
            {
                "name": name,
                "layer": to_envelope(layer, f"nodes.{name}"),
                "inputs": sources if several else sources[0],
            }
            for name in self._order
            for layer, sources, several in [self._nodes[name]]
        ]
        inputs = {
            name: {"shape": None if shape is None else list(shape), "integer": integer}
            for name, (shape, integer) in self.inputs.items()
        }
        return {
            "inputs": inputs,
            "nodes": nodes,
            "outputs": self.outputs[0] if self._single else self.outputs,
        }

    def _parts(self) -> dict[str, Any]:
        nodes = {
            name: (
                layer.inner if isinstance(layer, ForeignLayer) else layer,
                sources if several else sources[0],
            )
            for name, (layer, sources, several) in self._nodes.items()
        }
        inputs = {
            name: {"shape": shape, "integer": integer} for name, (shape, integer) in self.inputs.items()
        }
        return {
            "inputs": inputs,
            "nodes": nodes,
            "outputs": self.outputs[0] if self._single else list(self.outputs),
        }

    def __repr__(self) -> str:
        """Return inputs, nodes and outputs by name."""
        return f"Graph({list(self.inputs)} -> {self._order} -> {self.outputs})"


def joined_mask(masks: Sequence[Any]) -> Any:
    """Return the conjunction of those masks that exist."""
    present = [mask for mask in masks if mask is not None]
    if not present:
        return None
    joined = present[0]
    for mask in present[1:]:
        joined = joined & mask
    return joined


def _accumulate(grads: dict[str, Any], owned: set[str], source: str, part: Any) -> None:
    """Add a gradient to a source's; the first sum makes a new array, since layers own what they return."""
    if source not in grads:
        grads[source] = part
    elif source in owned:
        grads[source] += part
    else:
        grads[source] = grads[source] + part
        owned.add(source)


def _declared_inputs(inputs: Any) -> dict[str, tuple[Shape | None, bool]]:
    """Return each input's sample shape and whether it holds ids."""
    if isinstance(inputs, str):
        inputs = [inputs]
    named = dict(inputs) if isinstance(inputs, Mapping) else dict.fromkeys(inputs)
    if not named:
        raise ConfigError("graph: at least one input is needed")
    declared: dict[str, tuple[Shape | None, bool]] = {}
    for name, spec in named.items():
        described = isinstance(spec, Mapping)
        if described and not set(spec) <= {"shape", "integer"}:
            raise ConfigError(
                f"graph: input {printable(repr(name), 60)}: only shape and integer can be said of it"
            )
        shape = spec.get("shape") if described else spec
        integer = check_bool("integer", spec.get("integer", False)) if described else False
        declared[name] = (
            None if shape is None else check_shape(f"inputs[{name}]", shape, unknown=True),
            integer,
        )
    return declared


def _parse_node(name: str, node: Any) -> tuple[Layer, list[str], bool]:
    if not isinstance(node, (tuple, list)) or len(node) != 2:
        raise ConfigError(
            f"graph: node {printable(repr(name), 60)} must be (layer, source) or (layer, [sources])"
        )
    spec, sources = node
    layer = spec if hasattr(spec, "forward") and not isinstance(spec, type) else registry.get("layers", spec)
    several = not isinstance(sources, str)
    names = list(sources) if several else [sources]
    if not names:
        raise ConfigError(f"graph: node {printable(repr(name), 60)} reads nothing")
    return adopt(layer), names, several


def _topological(nodes: Mapping[str, tuple[Layer, list[str], bool]]) -> list[str]:
    """Return node names so that every node comes after those it reads; declaration order otherwise.

    Raises
    ------
    ConfigError
        If there is a cycle.
    """
    order: list[str] = []
    waiting = dict.fromkeys(nodes)
    while waiting:
        ready = [name for name in waiting if not any(source in waiting for source in nodes[name][1])]
        if not ready:
            raise ConfigError(f"graph: these nodes form a cycle: {sorted(waiting)}")
        order += ready
        for name in ready:
            del waiting[name]
    return order
