"""npdl: deep learning in plain NumPy, made of plugins.

Layers, activations, objectives, optimizers and all other components are found by name; packages that register
themselves through entry points add more. Importing this package imports nothing heavy and scans nothing: its
members are imported when they are first used.

Examples
--------
>>> import npdl_core as npdl
>>> model = npdl.Model(["flatten", {"name": "dense", "config": {"n_out": 3}}], seed=1)
>>> model.connect((None, 2, 2)).predict([[[1, 2], [3, 4]]]).shape
(1, 3)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from npdl_core import (
        activations,
        callbacks,
        datasets,
        errors,
        initializers,
        kernels,
        layers,
        metrics,
        objectives,
        optimizers,
        registry,
        schedules,
        utils,
    )
    from npdl_core.model import Graph, History, Model
    from npdl_core.saving import load

__version__ = "0.1.0"

__all__ = [
    "Graph",
    "History",
    "Model",
    "__version__",
    "activations",
    "callbacks",
    "datasets",
    "errors",
    "initializers",
    "kernels",
    "layers",
    "load",
    "metrics",
    "objectives",
    "optimizers",
    "registry",
    "schedules",
    "utils",
]

_HOME = {
    "Graph": "npdl_core.model",
    "History": "npdl_core.model",
    "Model": "npdl_core.model",
    "load": "npdl_core.saving",
}


def __getattr__(name: str) -> Any:
    """Import a public member at its first use."""
    if name not in __all__:
        raise AttributeError(f"module 'npdl_core' has no attribute {name!r}")
    home = _HOME.get(name)
    found = (
        importlib.import_module(f"npdl_core.{name}")
        if home is None
        else getattr(importlib.import_module(home), name)
    )
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Return the public members, imported or not."""
    return sorted({*globals(), *__all__})
