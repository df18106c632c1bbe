"""Layers: the contract, and every installed one by name."""

from __future__ import annotations

from npdl_core.layers.base import Layer
from npdl_core.registry import namespace

__all__ = ["Layer", "names"]

names, __getattr__, __dir__ = namespace("layers", globals())
