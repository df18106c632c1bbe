"""The name that ``npdl.initializations`` had in NumpyDL 0.1."""

from npdl.initializations import *  # noqa: F403
from npdl.initializations import __all__, __getattr__  # noqa: F401
