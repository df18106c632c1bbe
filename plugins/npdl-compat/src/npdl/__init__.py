"""NumpyDL 0.4's modules over npdl's components: programs written for NumpyDL run unchanged.

What differs is in the package's README: the defects are gone, and everything else of npdl's is there too.

Examples
--------
>>> import npdl
>>> model = npdl.Model([npdl.layers.Dense(3, n_in=2, activation="tan"), npdl.layers.Softmax(2)])
>>> _ = model.compile(loss=npdl.objectives.SCCE(), optimizer=npdl.optimizers.SGD(lr=0.005))
>>> model.predict([[0.5, 1.0]]).shape
(1, 2)
"""

import warnings

from npdl import (
    activation,
    activations,
    initialization,
    initializations,
    layers,
    model,
    objectives,
    optimizers,
    utils,
)
from npdl.model import Model
from npdl_core.hooks import PluginWarning
from npdl_core.registry.overlaps import overlap

__version__ = "0.4.0"  # of the interface: programs may ask for it

__all__ = [
    "Model",
    "__version__",
    "activation",
    "activations",
    "initialization",
    "initializations",
    "layers",
    "model",
    "objectives",
    "optimizers",
    "utils",
]

_overlap = overlap("npdl", "npdl-compat")
if _overlap:
    warnings.warn(_overlap, PluginWarning, stacklevel=2)
