"""Layers against the node cases that the onnx package makes."""

import importlib
import warnings

import pytest

from npdl_core import registry

OPERATORS = {
    "batch_normalization": ("BatchNormalization", "batch_normal"),
    "layernormalization": ("LayerNormalization", "layer_norm"),
    "rmsnormalization": ("RMSNormalization", "rms_norm"),
    "prelu": ("PRelu", "prelu"),
    "reshape": ("Reshape", "reshape"),
    "transpose": ("Transpose", "permute"),
    "unsqueeze": ("Unsqueeze", "dim_shuffle"),
    "flatten": ("Flatten", "flatten"),
}

FREE_BATCH = "it flattens the batch axis too"
FROM_BEHIND = "ours counts axes from the front"
COPIED = "a size 0 copies the input's; ours names every size"
SEVERAL = "it inserts several axes at once"

# What ours does not say, and why.
UNCOVERED = {
    "test_flatten_axis0": FREE_BATCH,
    "test_flatten_axis2": FREE_BATCH,
    "test_flatten_axis3": FREE_BATCH,
    "test_flatten_negative_axis1": FREE_BATCH,
    "test_flatten_negative_axis2": FREE_BATCH,
    "test_flatten_negative_axis4": FREE_BATCH,
    "test_reshape_allowzero_reordered": "a size is 0",
    "test_reshape_zero_and_negative_dim": COPIED,
    "test_reshape_zero_dim": COPIED,
    "test_unsqueeze_negative_axes": FROM_BEHIND,
    "test_unsqueeze_three_axes": SEVERAL,
    "test_unsqueeze_two_axes": SEVERAL,
    "test_unsqueeze_unsorted_axes": SEVERAL,
}


def node_cases(module):
    """Return the cases of one operator by name."""
    from onnx.backend.test.case import node

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        importlib.import_module(f"onnx.backend.test.case.node.{module}")
    operator = OPERATORS[module][0]
    return {case.name: case for case in node._NodeTestCases if case.model.graph.node[0].op_type == operator}


def attributes(case):
    from onnx import helper

    return {a.name: helper.get_attribute_value(a) for a in case.model.graph.node[0].attribute}


def connected(name, x, **config):
    layer = registry.get("layers", name, **config)
    layer.dtype = "float64"
    return layer.connect((None, *x.shape[1:]))


# Each returns what ours makes of a case's inputs. ONNX's arrays have no batch axis of their own: where the
# operator may change the first axis, the array is taken as one sample.


def batch_normal(given, x, scale, shift, mean, var):
    layer = connected(
        "batch_normal", x, epsilon=given.get("epsilon", 1e-5), momentum=given.get("momentum", 0.9)
    )
    for parameter, value in zip((layer.gamma, layer.beta), (scale, shift), strict=True):
        parameter[...] = value
    layer.running_mean[...], layer.running_var[...] = mean, var
    if not given.get("training_mode"):
        return (layer.forward(x, train=False),)
    return layer.forward(x), layer.running_mean, layer.running_var


def last_axes(name):
    def run(given, x, scale, shift=None):
        axis = given.get("axis", -1)
        n_axes = -axis if axis < 0 else x.ndim - axis
        layer = connected(name, x[None], n_axes=n_axes, epsilon=given.get("epsilon", 1e-5))
        layer.gamma[...] = scale
        if shift is not None:
            layer.beta[...] = shift
        return (layer.forward(x[None])[0],)

    return run


def prelu(given, x, slope):
    same = x.ndim - slope.ndim
    layer = connected("prelu", x[None], shared_axes=list(range(1, same + 1)))
    layer.alpha[...] = slope
    return (layer.forward(x[None])[0],)


def reshape(given, x, shape):
    return (connected("reshape", x[None], shape=shape.tolist()).forward(x[None])[0],)


def permute(given, x):
    order = given.get("perm", range(x.ndim)[::-1])
    return (connected("permute", x[None], dims=[axis + 1 for axis in order]).forward(x[None])[0],)


def dim_shuffle(given, x, axes):
    return (connected("dim_shuffle", x, axis=int(axes.item())).forward(x),)


def flatten(given, x):
    return (connected("flatten", x).forward(x),)


RUN = {
    "batch_normal": batch_normal,
    "layer_norm": last_axes("layer_norm"),
    "rms_norm": last_axes("rms_norm"),
    "prelu": prelu,
    "reshape": reshape,
    "permute": permute,
    "dim_shuffle": dim_shuffle,
    "flatten": flatten,
}


@pytest.mark.oracle("onnx")
@pytest.mark.parametrize("module", OPERATORS)
def test_node_cases(module, agree):
    name = OPERATORS[module][1]
    cases = node_cases(module)
    covered = cases.keys() - UNCOVERED.keys()
    assert covered
    for case in (cases[title] for title in sorted(covered)):
        for inputs, outputs in case.data_sets:
            ours = RUN[name](attributes(case), *inputs)
            for quantity, mine, theirs in zip(("output", "state", "state"), ours, outputs, strict=False):
                agree(f"layers {name}", "ONNX node cases", quantity, mine, theirs, 2e-6)


@pytest.mark.oracle("onnx")
def test_the_uncovered_cases_exist():
    found = {title for module in OPERATORS for title in node_cases(module)}
    assert set(UNCOVERED) <= found
