"""The modules of benchmarks/, imported from the repository."""

import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def bench():
    """Return a function that imports a module of benchmarks/."""
    if not (ROOT / "benchmarks").is_dir():
        pytest.skip("the benchmarks are part of the repository")

    def load(name):
        sys.path.append(str(ROOT))
        try:
            return importlib.import_module(f"benchmarks.{name}")
        finally:
            sys.path.remove(str(ROOT))

    return load


@pytest.fixture
def row():
    """Return a row of measurements as the harness makes it."""
    spread = {"min": 0.5, "median": 0.6, "max": 0.7}
    names = ("npdl+numba", "npdl", "pytorch", "thinc")
    return {
        "case": "lstm",
        "threads": 2,
        "load": [0.5, 1.25],
        "milliseconds": dict.fromkeys(names, spread),
        "reference": "pytorch",
        "ratios": {
            "npdl+numba": spread,
            "npdl": {"min": 1.5, "median": 1.95, "max": 2.0},
            "thinc": {"min": 3.0, "median": 3.0, "max": 3.0},
        },
        "memory_mb": {name: {"rise": 10.4, "peak": 99.6} for name in names},
        "sgemm_gflops": {"min": 80.0, "median": 90.0, "max": 95.0},
        "sgemm_fraction": {name: {"min": 0.1, "median": 0.25, "max": 0.3} for name in names},
    }
