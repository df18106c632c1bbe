"""Optimizers: the contract, and every installed one by name."""

from __future__ import annotations

from npdl_core.optimizers.base import Optimizer
from npdl_core.registry import namespace

__all__ = ["Optimizer", "names"]

names, __getattr__, __dir__ = namespace("optimizers", globals())
