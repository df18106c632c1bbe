"""The ``npdl`` command: train, evaluate and look at models that a TOML file describes by names."""

from __future__ import annotations

__version__ = "0.1.0"

__all__ = ["__version__"]
