"""Data sets: the contract, and every installed one by name."""

from __future__ import annotations

from npdl_core.datasets.base import Dataset
from npdl_core.registry import namespace

__all__ = ["Dataset", "names"]

names, __getattr__, __dir__ = namespace("datasets", globals())
