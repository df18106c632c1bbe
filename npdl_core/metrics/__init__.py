"""Metrics: the contract, and every installed one by name."""

from __future__ import annotations

from npdl_core.metrics.base import Metric
from npdl_core.registry import namespace

__all__ = ["Metric", "names"]

names, __getattr__, __dir__ = namespace("metrics", globals())
