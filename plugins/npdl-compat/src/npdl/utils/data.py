"""Class ids and one-hot rows."""

from npdl_core.utils.labels import one_hot, unhot

__all__ = ["one_hot", "unhot"]
