"""Configurations as JSON, weights as safetensors, and the one gate through which both come back."""

from npdl_core.saving.weights import load, load_weights, save

__all__ = ["load", "load_weights", "save"]
