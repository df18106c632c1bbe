"""One of our models as a graph of ONNX, for inference of one sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping


class Node(NamedTuple):
    """An operator, what it gets besides the output of the node before, and its attributes."""

    operator: str
    arrays: Mapping[str, np.ndarray] = {}
    options: Mapping[str, Any] = {}
    #: Whether what the node before gives is the operator's last input, not its first.
    last: bool = False
    #: Whether it is the operator's second output that goes on.
    second: bool = False


def onnx_model(model: Any, sample: np.ndarray) -> bytes:
    """Return a model of layers that :func:`nodes_of` knows as ONNX, for inputs like this sample."""
    from onnx import TensorProto, helper, numpy_helper

    nodes: list[Any] = []
    weights: list[Any] = []
    name = "x"
    for index, node in enumerate(node for layer in model.layers for node in nodes_of(layer)):
        names = [f"{index}.{key}" if key else "" for key in node.arrays]
        weights += [
            numpy_helper.from_array(np.ascontiguousarray(array), own)
            for own, array in zip(names, node.arrays.values(), strict=True)
            if own
        ]
        out = f"{index}.out"
        inputs = [*names, name] if node.last else [name, *names]
        outputs = ["", out] if node.second else [out]
        nodes.append(helper.make_node(node.operator, inputs, outputs, **node.options))
        name = out
    kind = TensorProto.INT64 if sample.dtype.kind == "i" else TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", kind, sample.shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)],
        weights,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    serialized: bytes = made.SerializeToString()
    return serialized


def nodes_of(layer: Any) -> list[Node]:
    """Return the nodes of a layer."""
    kind = type(layer).__name__
    if kind == "Convolution":
        pads = [before for before, _ in layer.padding] + [after for _, after in layer.padding]
        return [Node("Conv", {"W": layer.W, "b": layer.b}, {"pads": pads}), Node("Relu")]
    if kind == "MaxPooling":
        return [Node("MaxPool", {}, {"kernel_shape": layer.pool_size, "strides": layer.stride})]
    if kind == "Flatten":
        return [Node("Flatten")]
    if kind == "Embedding":
        return [Node("Gather", {"W": layer.params[0]}, last=True)]
    if kind in ("Dense", "Softmax"):
        products = [Node("MatMul", {"W": layer.W}), Node("Add", {"b": layer.b})]
        flat = [Node("Gemm", {"W": layer.W, "b": layer.b})]
        return [*(flat if len(layer.in_shape) == 2 else products), Node(kind.replace("Dense", "Relu"))]
    return recurrent_nodes(layer)


def recurrent_nodes(layer: Any) -> list[Node]:
    """Return the nodes of a recurrent layer, which is time-major in ONNX: (T, directions, N, H)."""
    from npdl_rnn import converters

    both = getattr(layer, "both", [layer])
    cell = both[0]
    operator = {"SimpleRNN": "RNN"}.get(type(cell).__name__, type(cell).__name__)
    options: dict[str, Any] = {"hidden_size": cell.n_out}
    if operator == "GRU":
        options["linear_before_reset"] = int(cell.reset_after)
    if len(both) == 2:
        options["direction"] = "bidirectional"
    width = len(both) * cell.n_out
    flat = np.array([1, -1, width] if cell.return_sequence else [1, width], np.int64)
    return [
        Node("Transpose", {}, {"perm": [1, 0, 2]}),
        Node(operator, converters.to_onnx(layer), options, second=not cell.return_sequence),
        *([Node("Transpose", {}, {"perm": [2, 0, 1, 3]})] if cell.return_sequence else []),
        Node("Reshape", {"shape": flat}),
    ]
