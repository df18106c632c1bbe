"""NumpyDL's model."""

from npdl_compat.model import Model

__all__ = ["Model"]
