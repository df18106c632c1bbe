"""Processes that measure: their environment, their interpreter, what they answer."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]


class Other(NamedTuple):
    """A library that gets an environment of its own, because it asks for packages that ours must not have."""

    #: The environment variable that names its interpreter, and where ``make bench-others`` puts that.
    variable: str
    default: str
    #: How many of its first losses must be ours, and how closely.
    losses: int
    tolerance: float


OTHERS = {
    "thinc": Other("THINC_PYTHON", "build/bench-thinc/bin/python", 3, 1e-4),
    # It takes the mean of a bias's gradients where all others take the sum.
    "numpydl": Other("NUMPYDL_PYTHON", "build/bench-numpydl/bin/python", 3, 0.02),
}


def environment(threads: int) -> dict[str, str]:
    """Return this process's environment with equal threads for every library and no BLAS overrides."""
    slowing = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
    env = {key: value for key, value in os.environ.items() if key not in slowing}
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    return env | dict.fromkeys((*names, "BLIS_NUM_THREADS"), str(threads))


def python_of(contender: str) -> str | None:
    """Return the interpreter that runs a contender, or None where its environment was not made."""
    other = OTHERS.get(contender)
    if other is None:
        return sys.executable
    path = Path(os.environ.get(other.variable) or ROOT / other.default)
    return str(path) if path.is_file() else None


def run(module: str, threads: int, *arguments: str, python: str | None = None) -> str:
    """Run a benchmark's module again as a worker and return what it prints."""
    command = [python or sys.executable, "-m", module, *arguments]
    done = subprocess.run(
        command, env=environment(threads), stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT
    )
    return done.stdout


def ask(module: str, contender: str, threads: int, *arguments: str) -> Any:
    """Run a worker with its contender's interpreter and return its answer."""
    printed = run(module, threads, *arguments, python=python_of(contender))
    return json.loads(printed.splitlines()[-1])


def answer(value: Any) -> None:
    """Print what ``ask`` returns."""
    print(json.dumps(value))


def peak_memory() -> float:
    """Return the most resident memory that this process ever had, in MB."""
    status = Path("/proc/self/status")
    if status.exists():
        # What getrusage says begins with the peak of the process that started this one.
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    kilobytes = 1024 if sys.platform == "darwin" else 1
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / kilobytes / 1024
