"""The same fabricated distributions as the registry's tests use."""

import runpy
from pathlib import Path

_shared = runpy.run_path(str(Path(__file__).parents[1] / "registry" / "conftest.py"))
site = _shared["site"]
imported = _shared["imported"]
