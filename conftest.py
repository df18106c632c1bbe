"""Settings of every package's tests."""

import os
from importlib.util import find_spec

import pytest
from hypothesis import settings

settings.register_profile("npdl", derandomize=True, deadline=None, print_blob=False)
settings.load_profile("npdl")

# What a user may have set must not decide what the tests see.
for _name in [name for name in os.environ if name.startswith("NPDL_") and name != "NPDL_REQUIRE_ORACLE"]:
    del os.environ[_name]


def missing(modules):
    """Return those of the modules that are not installed; nothing is imported."""
    return [name for name in modules if find_spec(name) is None]


def pytest_configure(config):
    """Refuse to start where the oracles are required and missing: a skip would hide it."""
    absent = missing(["torch", "onnx"])
    if absent and os.environ.get("NPDL_REQUIRE_ORACLE") == "1":
        raise pytest.UsageError(f"NPDL_REQUIRE_ORACLE=1, but not installed: {', '.join(absent)}")


def pytest_runtest_setup(item):
    """Skip a test marked ``oracle`` where its oracle (PyTorch unless named) is not installed."""
    for mark in item.iter_markers("oracle"):
        absent = missing(mark.args or ["torch"])
        if absent:
            pytest.skip(f"the oracle is not installed: {', '.join(absent)}")
