"""Initializers: the contract, and every installed one by name."""

from __future__ import annotations

from npdl_core.initializers.base import Initializer
from npdl_core.registry import namespace

__all__ = ["Initializer", "names"]

names, __getattr__, __dir__ = namespace("initializers", globals())
