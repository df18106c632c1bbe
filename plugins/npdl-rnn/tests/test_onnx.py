"""ONNX's operators RNN, GRU and LSTM: every case that the onnx package generates, through the converters."""

import numpy as np
import pytest

from npdl_rnn import GRU, LSTM, Bidirectional, SimpleRNN, converters

pytestmark = pytest.mark.oracle("onnx")

LAYERS = {"RNN": SimpleRNN, "GRU": GRU, "LSTM": LSTM}
INPUTS = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")
CASES = (
    "test_gru_batchwise",
    "test_gru_defaults",
    "test_gru_seq_length",
    "test_gru_with_initial_bias",
    "test_lstm_batchwise",
    "test_lstm_defaults",
    "test_lstm_with_initial_bias",
    "test_lstm_with_peepholes",
    "test_rnn_seq_length",
    "test_simple_rnn_batchwise",
    "test_simple_rnn_defaults",
    "test_simple_rnn_with_initial_bias",
)


def generated():
    """Return all cases of the three operators by name; importing their modules makes them."""
    from onnx.backend.test.case import node
    from onnx.backend.test.case.node import gru, lstm, rnn  # noqa: F401

    return {
        case.name: case
        for case in node._NodeTestCases
        if case.model is not None and next(n.op_type for n in case.model.graph.node) in LAYERS
    }


def attributes_of(node):
    from onnx.helper import get_attribute_value

    return {item.name: get_attribute_value(item) for item in node.attribute}


def layer_for(op_type, attributes, given):
    config = {"return_sequence": True, "return_state": True}
    if op_type == "GRU":
        config["reset_after"] = bool(attributes.get("linear_before_reset", 0))
    if op_type == "LSTM":
        config["peephole"] = "P" in given
    direction = attributes.get("direction", b"forward")
    layer = LAYERS[op_type](attributes["hidden_size"], go_backwards=direction == b"reverse", **config)
    layer = Bidirectional(layer) if direction == b"bidirectional" else layer
    layer.dtype = given["X"].dtype
    layer.connect((None, None, given["X"].shape[2]))
    converters.from_onnx(layer, {name: given.get(name) for name in ("W", "R", "B", "P") if name in given})
    return layer


def computed(case):
    """Return what our layer gives for the case's outputs, by name."""
    (node,) = case.model.graph.node
    inputs, _ = case.data_sets[0]
    given = dict(
        zip([slot for slot, name in zip(INPUTS, node.input, strict=False) if name], inputs, strict=True)
    )
    attributes = attributes_of(node)
    layer = layer_for(node.op_type, attributes, given)
    batch_first = attributes.get("layout", 0) == 1
    x = given["X"] if batch_first else given["X"].transpose(1, 0, 2)
    mask = None
    if "sequence_lens" in given:
        mask = np.arange(x.shape[1]) < given["sequence_lens"][:, None]
    both = isinstance(layer, Bidirectional)
    start = {
        slot: given[name] if both else given[name][0]
        for slot, name in (("h0", "initial_h"), ("c0", "initial_c"))
        if name in given
    }
    y, *final = layer.forward(x, train=False, mask=mask, **start)
    if getattr(layer, "go_backwards", False):
        y = y[:, ::-1]
    n_directions = 2 if both else 1
    y = y.reshape(*y.shape[:2], n_directions, -1)
    count = len(final) // n_directions
    final = [np.stack(final[index::count]) for index in range(count)]
    if batch_first:
        final = [array.transpose(1, 0, 2) for array in final]
        outputs = [y, *final]
    else:
        outputs = [y.transpose(1, 2, 0, 3), *final]
    return dict(zip(("Y", "Y_h", "Y_c"), outputs, strict=False)), node


@pytest.mark.parametrize("name", CASES)
def test_case(name):
    case = generated()[name]
    came, node = computed(case)
    wanted = [slot for slot, name in zip(("Y", "Y_h", "Y_c"), node.output, strict=False) if name]
    for slot, due in zip(wanted, case.data_sets[0][1], strict=True):
        np.testing.assert_allclose(came[slot], due, rtol=1e-4, atol=1e-6)


def test_there_is_no_other_case():
    """Cases of newer versions of onnx run too; the list above is what must be there."""
    found = generated()
    assert set(CASES) <= set(found)
    for name in set(found) - set(CASES):
        test_case(name)


@pytest.mark.parametrize(
    "layer",
    [
        SimpleRNN(3),
        GRU(3),
        GRU(3, reset_after=True),
        LSTM(3, peephole=True),
        Bidirectional(LSTM(3, peephole=True)),
    ],
    ids=repr,
)
def test_weights_come_back(layer):
    layer.connect((None, None, 2))
    for value in layer.params:
        value[...] = np.random.default_rng(0).normal(size=value.shape)
    due = [value.copy() for value in layer.params]
    weights = converters.to_onnx(layer)
    for value in layer.params:
        value[...] = 0
    converters.from_onnx(layer, weights)
    for came, expected in zip(layer.params, due, strict=True):
        np.testing.assert_array_equal(came, expected)
