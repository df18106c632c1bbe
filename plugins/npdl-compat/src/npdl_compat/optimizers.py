"""NumpyDL's ``get`` and ``npdl_clip``."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_compat.lookup import from_registry, getter
from npdl_core.optimizers.base import Optimizer

__all__ = ["get", "npdl_clip"]


def npdl_clip(grad: Any, boundary: float) -> NDArray[Any]:
    """Return ``grad`` with each entry cut to [-boundary, boundary]; 0 or less is off.

    Examples
    --------
    >>> npdl_clip([-3.0, 0.5], 1.0).tolist()
    [-1.0, 0.5]
    """
    array = np.asarray(grad)
    return np.clip(array, -boundary, boundary) if boundary > 0 else array


get = getter("optimizer", Optimizer, from_registry("optimizers"))
