"""Data sets for npdl, each found by its name: ``npdl_core.registry.get("datasets", "digits")``.

Importing this package reads no data and imports none of the packages that ship data.
"""

from __future__ import annotations

__version__ = "0.1.0"

__all__ = ["__version__"]
