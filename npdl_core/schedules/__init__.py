"""Learning-rate schedules: the contract, and every installed one by name."""

from __future__ import annotations

from npdl_core.registry import namespace
from npdl_core.schedules.base import Schedule

__all__ = ["Schedule", "names"]

names, __getattr__, __dir__ = namespace("schedules", globals())
