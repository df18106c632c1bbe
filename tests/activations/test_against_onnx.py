"""Activations against the node cases that the onnx package makes."""

import numpy as np
import pytest

from npdl_core import registry

# ONNX's operator: our name, its default attributes where they are not ours, its attributes by our names.
OPERATORS = {
    "elu": ("Elu", "elu", {}, {"alpha": "alpha"}),
    "exp": ("Exp", "exponential", {}, {}),
    "gelu": ("Gelu", "gelu", {}, {"approximate": "approximate"}),
    "hardsigmoid": ("HardSigmoid", "hard_sigmoid", {"alpha": 0.2}, {"alpha": "alpha", "beta": "beta"}),
    "hardswish": ("HardSwish", "hard_swish", {}, {}),
    "identity": ("Identity", "linear", {}, {}),
    "leakyrelu": ("LeakyRelu", "leaky_relu", {}, {"alpha": "alpha"}),
    "logsoftmax": ("LogSoftmax", "log_softmax", {}, {}),
    "mish": ("Mish", "mish", {}, {}),
    "relu": ("Relu", "relu", {}, {}),
    "selu": ("Selu", "selu", {}, {}),
    "sigmoid": ("Sigmoid", "sigmoid", {}, {}),
    "softmax": ("Softmax", "softmax", {}, {}),
    "softplus": ("Softplus", "softplus", {}, {}),
    "softsign": ("Softsign", "softsign", {}, {}),
    "swish": ("Swish", "silu", {}, {}),
    "tanh": ("Tanh", "tanh", {}, {}),
}

# What ours does not say, and why.
UNCOVERED = {
    "test_identity_opt": "its input is a sequence that may be missing",
    "test_identity_sequence": "its input is a sequence of arrays",
    "test_selu": "alpha and gamma of its own: ours are the constants that the paper derives",
    "test_selu_example": "alpha and gamma of its own: ours are the constants that the paper derives",
}

# Operators that are activations elsewhere, and why none of ours is compared with them.
NOT_OURS = {
    "Celu": "no library but ONNX and PyTorch has it; elu is close",
    "Clip": "its bounds are inputs; relu6 and hard_tanh are fixed cases",
    "Hardmax": "it has no gradient",
    "PRelu": "it has parameters: ours is a layer",
    "Shrink": "it is a thresholding of signals",
    "ThresholdedRelu": "relu after a shift, with a jump",
}


@pytest.mark.oracle("onnx")
@pytest.mark.parametrize("module", OPERATORS)
def test_node_cases(module, onnx_cases, agree):
    operator, name, defaults, known = OPERATORS[module]
    covered = [case for case in onnx_cases(module, operator) if case[0] not in UNCOVERED]
    assert covered
    for _, given, data_sets in covered:
        axis = given.pop("axis", -1)
        if name == "silu":
            assert given.pop("alpha") == 1
        config = {known[attribute]: value for attribute, value in given.items()}
        activation = registry.get("activations", name, **(defaults | config))
        for (x,), (y,) in data_sets:
            ours = activation(np.moveaxis(x, axis, -1))
            agree(f"activations {name}", "ONNX node cases", "output", np.moveaxis(ours, -1, axis), y, 2e-6)


@pytest.mark.oracle("onnx")
def test_the_uncovered_cases_exist(onnx_cases):
    found = {case[0] for module, (operator, *_) in OPERATORS.items() for case in onnx_cases(module, operator)}
    assert set(UNCOVERED) <= found


@pytest.mark.oracle("onnx")
def test_the_operators_that_are_not_ours_exist():
    from onnx import defs

    assert all(defs.has(operator) for operator in NOT_OURS)
    assert not set(NOT_OURS) & {operator for operator, *_ in OPERATORS.values()}
