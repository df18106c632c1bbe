"""NumpyDL's initializers; others of npdl's are found here by their class names."""

from typing import Any

from npdl_compat.bases import Initializer
from npdl_compat.lookup import from_registry, getter, rest_of
from npdl_core.initializers.base import Initializer as _Initializer
from npdl_core.initializers.base import fans
from npdl_core.initializers.constant import One, Zero
from npdl_core.initializers.orthogonal import Orthogonal
from npdl_core.initializers.random import Normal, Uniform
from npdl_core.initializers.scaled import GlorotNormal, GlorotUniform, HeNormal, HeUniform, LecunUniform

__all__ = [
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Initializer",
    "LecunUniform",
    "Normal",
    "One",
    "Orthogonal",
    "Uniform",
    "Zero",
    "decompose_size",
    "get",
]

_OWN = (
    GlorotNormal, GlorotUniform, HeNormal, HeUniform, LecunUniform, Normal, One, Orthogonal, Uniform, Zero,
)  # fmt: skip
for _cls in _OWN:
    Initializer.register(_cls)


def decompose_size(size: Any) -> tuple[int, int]:
    """Return fan-in and fan-out of an array of ``size``; a vector counts ⌊√n⌋ on both sides.

    Examples
    --------
    >>> decompose_size((3, 5)), decompose_size((8, 3, 5, 5)), decompose_size(10)
    ((3, 5), (75, 200), (3, 3))
    """
    fan_in, fan_out = fans((size,) if isinstance(size, int) else tuple(size))
    return int(fan_in), int(fan_out)


get = getter("initialization", _Initializer, from_registry("initializers"))
__getattr__ = rest_of("initializers")
