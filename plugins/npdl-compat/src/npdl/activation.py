"""The name that ``npdl.activations`` had in NumpyDL 0.1."""

from npdl.activations import *  # noqa: F403
from npdl.activations import __all__, __getattr__  # noqa: F401
