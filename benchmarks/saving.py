"""What was measured, as JSON, with what it was measured with."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks import workers

RESULTS = Path(__file__).parent / "results"
VERSIONS_OF = ("npdl-core", "npdl-numba", "numpy", "torch", "numba", "onnxruntime")
#: Distributions of the libraries that have environments of their own.
DISTRIBUTIONS = {"thinc": "thinc", "numpydl": "npdl"}


def installed(name: str) -> str:
    """Return the version of a distribution, or a dash."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "–"


def version_elsewhere(contender: str) -> str:
    """Return the version of a library that has an environment of its own, or a dash."""
    python = workers.python_of(contender)
    if python is None:
        return "–"
    program = f"from importlib.metadata import version; print(version({DISTRIBUTIONS[contender]!r}))"
    done = subprocess.run([python, "-P", "-c", program], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


def about() -> dict[str, Any]:
    """Return when, where and with which versions something is measured."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "python": platform.python_version(),
        "versions": {name: installed(name) for name in VERSIONS_OF}
        | {name: version_elsewhere(name) for name in DISTRIBUTIONS},
    }


def path_of(name: str, suffix: str) -> Path:
    """Return the path of a new file of results."""
    RESULTS.mkdir(exist_ok=True)
    return RESULTS / f"{name}-{datetime.now(UTC):%Y%m%dT%H%M%S}.{suffix}"


def save(module: str, rows: list[dict[str, Any]]) -> Path:
    """Write the rows of a module and what they were measured with; return the path."""
    path = path_of(module.rpartition(".")[2], "json")
    path.write_text(
        json.dumps({"benchmark": module, **about(), "rows": rows}, indent=2) + "\n", encoding="utf-8"
    )
    return path
