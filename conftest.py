"""Settings of every package's tests."""

import os
import signal
import warnings
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("npdl", derandomize=True, deadline=None, print_blob=False)
settings.load_profile("npdl")

# What a user may have set must not decide what the tests see.
for _name in [name for name in os.environ if name.startswith("NPDL_") and name != "NPDL_REQUIRE_ORACLE"]:
    del os.environ[_name]


# A shell's background job ignores Ctrl-C, and so would the processes that it starts: tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)


def missing(modules):
    """Return those of the modules that are not installed; nothing is imported."""
    return [name for name in modules if find_spec(name) is None]


def pytest_addoption(parser):
    """Let the sizes of proofs be arguments."""
    options = {"action": "append", "default": [], "metavar": "NAME=N"}
    parser.addoption("--size", **options, help="how much a proof tries, such as kills=500")


@pytest.fixture
def size(request):
    """Return a function for how much a proof tries: ``size("kills", 50)`` or ``--size kills=N``."""
    given = dict(option.split("=", 1) for option in request.config.getoption("size"))
    return lambda name, default: int(given.get(name, default))


def pytest_configure(config):
    """Refuse to start where the oracles are required and missing: a skip would hide it."""
    absent = missing(["torch", "onnx", "sklearn"])
    if absent and os.environ.get("NPDL_REQUIRE_ORACLE") == "1":
        raise pytest.UsageError(f"NPDL_REQUIRE_ORACLE=1, but not installed: {', '.join(absent)}")


def pytest_runtest_setup(item):
    """Skip a test marked ``oracle`` where its oracle (PyTorch unless named) is not installed."""
    for mark in item.iter_markers("oracle"):
        absent = missing(mark.args or ["torch"])
        if absent:
            pytest.skip(f"the oracle is not installed: {', '.join(absent)}")


@pytest.fixture
def agree(record_property):
    """Return a function that compares with an oracle; ``scripts/oracle_table.py`` tabulates the errors.

    ``agree("activations gelu", "PyTorch", "gradient", ours, theirs)``: errors are absolute where the oracle's
    numbers are below 1, relative above.
    """

    def compare(component, oracle, quantity, ours, theirs, tolerance=1e-9):
        ours, theirs = np.asarray(ours), np.asarray(theirs)
        if ours.shape != theirs.shape:
            pytest.fail(f"{component}: {quantity} has shape {ours.shape}, that of {oracle} {theirs.shape}")
        scale = np.maximum(1, np.abs(theirs.astype("float64")))
        error = float(np.max(np.abs(ours.astype("float64") - theirs) / scale, initial=0.0))
        record_property("oracle", (component, oracle, quantity, error))
        if not error <= tolerance:
            pytest.fail(f"{component}: {quantity} is off from {oracle} by {error:.3g}")

    return compare


@pytest.fixture
def onnx_cases():
    """Return a function that gives the node cases of an operator which the onnx package makes.

    ``onnx_cases("leakyrelu", "LeakyRelu")`` returns ``(case name, attributes, [(inputs, outputs), …])``,
    without the cases that write the operator out in others.
    """
    from onnx import helper
    from onnx.backend.test.case import node

    def plain(value):
        return value.decode() if isinstance(value, bytes) else value

    def collect(module, operator):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import_module(f"onnx.backend.test.case.node.{module}")
        found = []
        for case in node._NodeTestCases:
            nodes = case.model.graph.node
            if len(nodes) == 1 and nodes[0].op_type == operator:
                attributes = {a.name: plain(helper.get_attribute_value(a)) for a in nodes[0].attribute}
                found.append((case.name, attributes, case.data_sets))
        return found

    return collect
