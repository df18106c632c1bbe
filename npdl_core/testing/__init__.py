"""The public conformance kit: one call per component, for npdl's own and for everybody else's.

A package's whole test of a layer is::

    from npdl_core.testing import check_layer


    def test_highway():
        check_layer("highway")

``check_layer`` takes a name, a class, an envelope ``{"name": …, "config": {…}}``, or an instance as a
pattern; each kind has its function: ``check_activation``, ``check_objective``, ``check_optimizer``,
``check_initializer``, ``check_metric``, ``check_callback``, ``check_schedule``, ``check_dataset``,
``check_kernel``; ``check_component(kind, …)`` finds the right one. What does not hold raises
:class:`~npdl_core.errors.ConformanceError`, an ``AssertionError`` that names the property, the component, the
input's shape and the seed, with what was expected and what came. The functions return the names of the
properties that hold; ``skip=`` leaves some out, ``properties("layers")`` lists them all.

``gradcheck`` compares a layer's gradients with central differences, ``compare_gradients`` does that for any
function. ``forbidden`` refuses files, sockets, processes and foreign imports while code runs that may only
compute.

A package with several components keeps a table of their names and arguments, checks each, and checks that
none is missing::

    import pytest
    from npdl_core.testing import cases, check_table

    TABLE = {"layers": {"highway": {"input_shape": (None, 5)}}}


    @pytest.mark.parametrize("case", cases(TABLE), ids=str)
    def test_component(case):
        case.check()


    def test_table():
        check_table("npdl-highway", TABLE)

Importing this package imports nothing; its members are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from npdl_core.testing.activations import check_activation
    from npdl_core.testing.audit import forbidden
    from npdl_core.testing.callbacks import check_callback
    from npdl_core.testing.components import (
        Case,
        cases,
        check_component,
        check_table,
        properties,
        registered_components,
    )
    from npdl_core.testing.datasets import check_dataset
    from npdl_core.testing.gradients import gradcheck
    from npdl_core.testing.initializers import check_initializer
    from npdl_core.testing.kernels import check_kernel
    from npdl_core.testing.layers import check_layer
    from npdl_core.testing.metrics import check_metric
    from npdl_core.testing.numeric import compare_gradients
    from npdl_core.testing.objectives import check_objective
    from npdl_core.testing.optimizers import check_optimizer
    from npdl_core.testing.schedules import check_schedule

__all__ = [
    "Case",
    "cases",
    "check_activation",
    "check_callback",
    "check_component",
    "check_dataset",
    "check_initializer",
    "check_kernel",
    "check_layer",
    "check_metric",
    "check_objective",
    "check_optimizer",
    "check_schedule",
    "check_table",
    "compare_gradients",
    "forbidden",
    "gradcheck",
    "properties",
    "registered_components",
]

_HOME = {
    "Case": "components",
    "cases": "components",
    "check_activation": "activations",
    "check_callback": "callbacks",
    "check_component": "components",
    "check_dataset": "datasets",
    "check_initializer": "initializers",
    "check_kernel": "kernels",
    "check_layer": "layers",
    "check_metric": "metrics",
    "check_objective": "objectives",
    "check_optimizer": "optimizers",
    "check_schedule": "schedules",
    "check_table": "components",
    "compare_gradients": "numeric",
    "forbidden": "audit",
    "gradcheck": "gradients",
    "properties": "components",
    "registered_components": "components",
}


def __getattr__(name: str) -> Any:
    """Import a member at its first use."""
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Return the public members, imported or not."""
    return sorted({*globals(), *__all__})
