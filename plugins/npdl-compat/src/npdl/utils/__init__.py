"""Labels, random numbers and dtype."""

from npdl.utils import data, random
from npdl.utils.data import one_hot, unhot
from npdl.utils.random import get_dtype, get_rng, set_dtype, set_rng, set_seed

__all__ = [
    "data",
    "get_dtype",
    "get_rng",
    "one_hot",
    "random",
    "set_dtype",
    "set_rng",
    "set_seed",
    "unhot",
]
