"""Layers against the node cases that the onnx package makes."""

import importlib
import warnings
from pathlib import Path

import numpy as np
import pytest

from npdl_core import registry

OPERATORS = {
    "Conv": "conv",
    "ConvTranspose": "convtranspose",
    "MaxPool": "maxpool",
    "AveragePool": "averagepool",
    "LpPool": "lppool",
    "GlobalMaxPool": "globalmaxpool",
    "GlobalAveragePool": "globalaveragepool",
    "MaxUnpool": "maxunpool",
    "InstanceNormalization": "instance_normalization",
    "LRN": "lrn",
    "GroupNormalization": "groupnormalization",
}

WIDE = "margins of more than half a window, as PyTorch refuses them too"
DILATED = "pooling windows have no gaps here"
PLACES = "places are numbers of entries; ours come with what the pooling saw"

# What ours does not say, and why.
UNCOVERED = {
    "test_maxpool_2d_uint8": "inputs are floating-point numbers",
    "test_maxpool_2d_pads": WIDE,
    "test_averagepool_2d_pads": WIDE,
    "test_averagepool_2d_pads_count_include_pad": WIDE,
    "test_lppool_2d_pads": WIDE,
    "test_maxpool_2d_dilations": DILATED,
    "test_maxpool_3d_dilations": DILATED,
    "test_maxpool_3d_dilations_use_ref_impl": DILATED,
    "test_maxpool_3d_dilations_use_ref_impl_large": DILATED,
    "test_averagepool_2d_dilations": DILATED,
    "test_averagepool_3d_dilations_small": DILATED,
    "test_averagepool_3d_dilations_large_count_include_pad_is_0_ceil_mode_is_False": DILATED,
    "test_averagepool_3d_dilations_large_count_include_pad_is_0_ceil_mode_is_True": DILATED,
    "test_averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_False": DILATED,
    "test_averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_True": DILATED,
    "test_lppool_2d_dilations": DILATED,
    "test_maxunpool_export_with_output_shape": PLACES,
    "test_maxunpool_export_without_output_shape": PLACES,
}

ROUNDED = ("test_averagepool_2d_ceil_last_window_starts_on_pad",)
"""Outputs that ONNX writes out with four digits."""


def node_cases(operator):
    """Return the cases of one operator by name."""
    from onnx.backend.test.case import node

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        importlib.import_module(f"onnx.backend.test.case.node.{OPERATORS[operator]}")
    return {case.name: case for case in node._NodeTestCases if case.model.graph.node[0].op_type == operator}


def attributes(case):
    from onnx import helper

    return {a.name: helper.get_attribute_value(a) for a in case.model.graph.node[0].attribute}


def connected(name, x, **config):
    layer = registry.get("layers", name, **config)
    layer.dtype = "float64"
    return layer.connect((None, *x.shape[1:]))


def margins(given, n_axes):
    """Return ONNX's pads, all fronts then all backs, as pairs."""
    pads = given.get("pads", [0] * 2 * n_axes)
    return list(zip(pads[:n_axes], pads[n_axes:], strict=True))


def windows(given, x, kernel):
    """Return stride and padding of a window, SAME worked out."""
    stride = given.get("strides", [1] * len(kernel))
    if given.get("auto_pad", b"NOTSET") == b"NOTSET":
        return {"stride": stride, "padding": margins(given, len(kernel))}
    total = [
        max(0, (-(-size // s) - 1) * s + k - size)
        for size, k, s in zip(x.shape[2:], kernel, stride, strict=True)
    ]
    lower = given["auto_pad"] == b"SAME_LOWER"
    return {
        "stride": stride,
        "padding": [(t - t // 2, t // 2) if lower else (t // 2, t - t // 2) for t in total],
    }


def spreading(given, x, kernel):
    """Return stride, padding and output padding of a transpose, worked out where a size is wanted instead."""
    ones = [1] * len(kernel)
    stride, dilation = given.get("strides", ones), given.get("dilations", ones)
    extra = given.get("output_padding", [0] * len(kernel))
    wanted = given.get("output_shape")
    if given.get("auto_pad", b"NOTSET") != b"NOTSET":
        wanted = [size * s for size, s in zip(x.shape[2:], stride, strict=True)]
    rest = {"stride": stride, "dilation": dilation, "groups": given.get("group", 1)}
    if wanted is None:
        return rest | {"padding": margins(given, len(kernel)), "output_padding": extra}
    sizes = zip(x.shape[2:], stride, kernel, dilation, wanted, strict=True)
    beyond = [(size - 1) * s + d * (k - 1) + 1 - out for size, s, k, d, out in sizes]
    padding = [(max(b, 0) // 2, max(b, 0) - max(b, 0) // 2) for b in beyond]
    return rest | {"padding": padding, "output_padding": [max(-b, 0) for b in beyond]}


def conv(given, x, W):
    layer = connected(
        "convolution",
        x,
        nb_filter=len(W),
        filter_size=W.shape[2:],
        activation="linear",
        **windows(given, x, W.shape[2:]),
    )
    layer.W = W
    return layer.forward(x)


def transpose(given, x, W):
    n_axes = W.ndim - 2
    layer = connected(
        {1: "transposed_conv1d", 2: "transposed_convolution", 3: "transposed_conv3d"}[n_axes],
        x,
        nb_filter=W.shape[1] * given.get("group", 1),
        filter_size=W.shape[2:],
        activation="linear",
        **spreading(given, x, W.shape[2:]),
    )
    layer.W = W
    return layer.forward(x)


def instance_norm(given, x, scale, shift):
    layer = connected("instance_norm", x, epsilon=given.get("epsilon", 1e-5))
    layer.gamma, layer.beta = scale, shift
    return layer.forward(x)


def pool(name, **names):
    def run(given, x):
        kernel = given["kernel_shape"]
        config = {ours: given[theirs] for ours, theirs in names.items() if theirs in given}
        config["ceil_mode"] = bool(given.get("ceil_mode", 0))
        if "count_include_pad" in config:
            config["count_include_pad"] = bool(config["count_include_pad"])
        if "p" in config:
            config["p"] = float(config["p"])
        return connected(name, x, pool_size=kernel, **windows(given, x, kernel), **config).forward(x)

    return run


def global_pool(name):
    return lambda given, x: connected(name, x).forward(x)[:, :, None, None]


def lrn(given, x):
    config = {
        ours: given[theirs]
        for ours, theirs in (("alpha", "alpha"), ("beta", "beta"), ("k", "bias"))
        if theirs in given
    }
    return connected("local_response_norm", x, size=given["size"], **config).forward(x)


def group_norm(given, x, scale, shift):
    layer = connected("group_norm", x, groups=given["num_groups"], epsilon=given.get("epsilon", 1e-5))
    layer.gamma, layer.beta = scale, shift
    return layer.forward(x)


RUN = {
    "Conv": conv,
    "ConvTranspose": transpose,
    "MaxPool": pool("max_pooling"),
    "AveragePool": pool("mean_pooling", count_include_pad="count_include_pad"),
    "LpPool": pool("l2_pooling", p="p"),
    "GlobalMaxPool": global_pool("global_max_pooling"),
    "GlobalAveragePool": global_pool("global_mean_pooling"),
    "LRN": lrn,
    "GroupNormalization": group_norm,
    "InstanceNormalization": instance_norm,
}


@pytest.mark.oracle("onnx")
@pytest.mark.parametrize("operator", RUN)
def test_node_cases(operator, agree):
    cases = node_cases(operator)
    covered = sorted(cases.keys() - UNCOVERED.keys())
    assert covered
    for case in (cases[title] for title in covered):
        for inputs, outputs in case.data_sets:
            wide = [np.asarray(array, "float64") for array in inputs]
            ours = RUN[operator](attributes(case), *wide)
            tolerance = 1e-4 if case.name in ROUNDED else 1e-5
            agree(f"layers {operator}", "ONNX node cases", "output", ours, outputs[0], tolerance)


@pytest.mark.oracle("onnx")
def test_the_uncovered_cases_exist():
    found = {title for operator in OPERATORS for title in node_cases(operator)}
    assert set(UNCOVERED) <= found


def test_the_manual_lists_the_uncovered_cases():
    page = Path(__file__).parents[3] / "docs" / "convolution_coverage.md"
    lines = page.read_text(encoding="utf-8").splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| `test_")]
    assert {name.strip("`"): reason for name, reason in rows} == UNCOVERED
