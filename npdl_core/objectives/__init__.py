"""Objectives: the contract, and every installed one by name."""

from __future__ import annotations

from npdl_core.objectives.base import Objective
from npdl_core.registry import namespace

__all__ = ["Objective", "names"]

names, __getattr__, __dir__ = namespace("objectives", globals())
