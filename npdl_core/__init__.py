"""npdl: deep learning in plain NumPy, made of plugins.

Layers, activations, objectives, optimizers and all other components are found by name; packages that register
themselves through entry points add more. Importing this package imports NumPy and nothing heavy, and scans
nothing.

Examples
--------
>>> import npdl_core as npdl
>>> model = npdl.Model(["flatten", {"name": "dense", "config": {"n_out": 3}}], seed=1)
>>> model.connect((None, 2, 2)).predict([[[1, 2], [3, 4]]]).shape
(1, 3)
"""

from npdl_core import (
    activations,
    callbacks,
    datasets,
    errors,
    initializers,
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
    "layers",
    "load",
    "metrics",
    "objectives",
    "optimizers",
    "registry",
    "schedules",
    "utils",
]
