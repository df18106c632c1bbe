"""Activations: the contract, and every installed one by name."""

from __future__ import annotations

from npdl_core.activations.base import Activation
from npdl_core.registry import namespace

__all__ = ["Activation", "names"]

names, __getattr__, __dir__ = namespace("activations", globals())
