"""Callbacks: the contract, and every installed one by name."""

from __future__ import annotations

from npdl_core.callbacks.base import Callback
from npdl_core.registry import namespace

__all__ = ["Callback", "names"]

names, __getattr__, __dir__ = namespace("callbacks", globals())
