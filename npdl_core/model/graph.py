"""A directed acyclic graph of layers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from npdl_core.errors import ConfigError, ShapeError
from npdl_core.layers.base import Layer, Shape
from npdl_core.model.inputs import compatible, listed, standard_shape
from npdl_core.model.network import Network
from npdl_core.model.nodes import ordered_nodes, read_inputs, read_outputs

__all__ = ["Graph"]


class Graph(Network):
    """Named nodes, each a layer fed by inputs and other nodes.

    Parameters
    ----------
    inputs : name, sequence of names, or dict of name to shape
        Shapes are of one sample, without the batch axis; None where they follow from the data. ``{"shape": …,
        "integer": True}`` declares ids.
    nodes : dict of name to (layer, source) or (layer, [sources])
        The layer is a name, an envelope or an instance; one instance in several nodes shares its weights.
        Sources are names of inputs or nodes, in any order as long as there is no cycle.
    outputs : str, or sequence of names
        Nodes that are the outputs. A sequence makes dicts of outputs, targets and losses.
    seed, dtype
        As of :class:`Model`.

    Raises
    ------
    ConfigError
        If names or sources do not make a graph.

    Examples
    --------
    >>> import numpy as np
    >>> from npdl_core.layers import Dense
    >>> graph = Graph(
    ...     inputs=["left", "right"],
    ...     nodes={"both": ("concat", ["left", "right"]), "y": (Dense(2), "both")},
    ...     outputs="y",
    ... )
    >>> _ = graph.connect({"left": (None, 3), "right": (None, 4)})
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
        self.inputs = read_inputs(inputs)
        self.outputs = read_outputs(outputs)
        self._single = isinstance(outputs, str)
        self._nodes = ordered_nodes(nodes, self.inputs, self.outputs)
        self._index = {name: index for index, name in enumerate(self._nodes)}

    @property
    def applications(self) -> list[tuple[str, Layer]]:
        """Name and layer of each node, in the order of computation."""
        return [(name, node.layer) for name, node in self._nodes.items()]

    def sources(self, node: str) -> list[str]:
        """Return the names that a node reads."""
        return list(self._nodes[node].sources)

    def declared_input_shape(self) -> Any:
        """Return all inputs' shapes, or None if one is not declared."""
        if any(given.shape is None for given in self.inputs.values()):
            return None
        return {name: (None, *(given.shape or ())) for name, given in self.inputs.items()}

    def output_names(self) -> set[str | None]:
        """Return the names of the outputs, or None for a single one."""
        return {None} if self._single else set(self.outputs)

    def output_layers(self) -> dict[str | None, Layer]:
        """Return the layer of each output node by name; that of a single output under None."""
        return {None if self._single else name: self._nodes[name].layer for name in self.outputs}

    def fusable_layers(self) -> dict[str | None, Layer]:
        """Return the output layers that no other node reads."""
        read = {source for node in self._nodes.values() for source in node.sources}
        return {name: layer for name, layer in self.output_layers().items() if name not in read}

    def _roots(self) -> set[int]:
        return {
            self._index[name] for name, node in self._nodes.items() if set(node.sources) <= self.inputs.keys()
        }

    def _ids(self, shape: Any) -> frozenset[str | None]:
        readers = {
            source for node in self._nodes.values() if node.layer.integer_input for source in node.sources
        }
        return frozenset(name for name, given in self.inputs.items() if given.integer or name in readers)

    def _standard_shape(self, shape: Any) -> Any:
        shape = standard_shape(shape)
        if not isinstance(shape, dict):
            if len(self.inputs) != 1:
                raise ConfigError(f"graph: give a dict of shapes for the inputs {listed(self.inputs)}")
            shape = {next(iter(self.inputs)): shape}
        if shape.keys() != self.inputs.keys():
            raise ConfigError(f"graph: shapes for {listed(shape)}, but the inputs are {listed(self.inputs)}")
        return {name: shape[name] for name in self.inputs}

    def _propagate(self, shape: dict[str, Shape]) -> None:
        for name, given in self.inputs.items():
            if given.shape is not None and not compatible((None, *given.shape), shape[name]):
                raise ShapeError(
                    f"graph: input {name!r} is declared with samples of shape {given.shape}, "
                    f"got {shape[name][1:]}"
                )
        shapes: dict[str, Any] = dict(shape)
        for name, node in self._nodes.items():
            self._connect_layer(name, node.layer, node.given(shapes))
            shapes[name] = node.layer.out_shape

    def run(self, x: Any, train: bool, mask: Any = None) -> tuple[Any, Any]:
        """Return the output and its mask; dicts of them by name for several outputs.

        ``mask`` belongs to all inputs, or is a dict by input name.
        """
        values: dict[str, Any] = dict(x)
        masks: dict[str, Any] = {name: mask.get(name) if isinstance(mask, dict) else mask for name in values}
        for index, name in enumerate(self._nodes):
            values[name], masks[name] = self._run_node(index, name, values, masks, train)
        if self._single:
            return values[self.outputs[0]], masks[self.outputs[0]]
        return {name: values[name] for name in self.outputs}, {name: masks[name] for name in self.outputs}

    def _run_node(
        self, index: int, name: str, values: dict[str, Any], masks: dict[str, Any], train: bool
    ) -> tuple[Any, Any]:
        node = self._nodes[name]
        layer, given = node.layer, node.given(values)
        forward: Callable[..., Any] = layer.forward
        sharing = self._sharing if train else None
        mask = _mask_for(layer, [masks[source] for source in node.sources])
        if sharing is not None:
            sharing.before_forward(index)
        out = forward(given, train=train, mask=mask) if layer.accepts_mask else forward(given, train=train)
        if mask is not None or self._masking[index]:
            mask = layer.compute_mask(given, mask)
        if sharing is not None:
            sharing.after_forward(index)
        return out, mask

    def backward(self, grad: Any, fused: Collection[str | None] = ()) -> Any:
        """Run all nodes' backward, outputs to inputs.

        Parameters
        ----------
        grad : ndarray, or dict of them by output name
            Gradients with respect to the outputs.
        fused : collection
            The outputs (None for a single one) whose gradient is with respect to the argument of their
            layer's softmax instead.

        Returns
        -------
        dict
            Gradients with respect to the inputs, where there are any.
        """
        grads: dict[str, Any] = {self.outputs[0]: grad} if self._single else dict(grad)
        skipping = {self.outputs[0] if output is None else output for output in fused}
        owned: set[str] = set()
        sharing = self._sharing
        if sharing is not None:
            sharing.begin_backward()
        for index, name in reversed(list(enumerate(self._nodes))):
            node = self._nodes[name]
            backward: Callable[..., Any] = node.layer.backward
            if sharing is not None:
                sharing.before_backward(index)
            back = backward(grads.pop(name), **({"skip_activation": True} if name in skipping else {}))
            if sharing is not None:
                sharing.after_backward(index)
            if back is not None:
                for source, part in zip(node.sources, back if node.several else [back], strict=True):
                    _accumulate(grads, owned, source, part)
        if sharing is not None:
            sharing.finish()
        return grads

    def structure(self, to_envelope: Callable[[Any, str], Any]) -> dict[str, Any]:
        """Return inputs, nodes and outputs."""
        nodes = [
            {
                "name": name,
                "layer": to_envelope(layer, f"nodes.{name}"),
                "inputs": node.sources if node.several else node.sources[0],
            }
            for (name, node), layer in zip(self._nodes.items(), self.layers, strict=True)
        ]
        inputs = {
            name: {"shape": None if given.shape is None else list(given.shape), "integer": given.integer}
            for name, given in self.inputs.items()
        }
        return {
            "inputs": inputs,
            "nodes": nodes,
            "outputs": self.outputs[0] if self._single else self.outputs,
        }

    def parts(self, copy: Callable[[Layer], Any]) -> dict[str, Any]:
        """Return inputs, nodes with copied layers, and outputs."""
        nodes = {
            name: (copy(node.layer), node.sources if node.several else node.sources[0])
            for name, node in self._nodes.items()
        }
        inputs = {name: given._asdict() for name, given in self.inputs.items()}
        return {
            "inputs": inputs,
            "nodes": nodes,
            "outputs": self.outputs[0] if self._single else self.outputs,
        }

    def __repr__(self) -> str:
        """Return inputs, nodes and outputs by name."""
        return f"Graph({list(self.inputs)} -> {list(self._nodes)} -> {self.outputs})"


def _mask_for(layer: Layer, masks: list[Any]) -> Any:
    """Return the mask of a layer's inputs: one for all, or a list where the layer tells them apart."""
    apart = layer.masks_apart and len(masks) > 1 and any(mask is not None for mask in masks)
    return masks if apart else joined_mask(masks)


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
