"""Small functions around models: labels, default random numbers and dtype."""

from npdl_core.utils.defaults import get_dtype, get_rng, set_dtype, set_rng, set_seed
from npdl_core.utils.labels import one_hot, unhot

__all__ = ["get_dtype", "get_rng", "one_hot", "set_dtype", "set_rng", "set_seed", "unhot"]
