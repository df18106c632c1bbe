"""Time contenders fairly: alternating separate processes, equal threads, ratios round by round.

The thread pools of two libraries in one process ruin each other's numbers, and a shared machine's speed
drifts by the minute. So each measurement is a process of its own with one contender in it, contenders take
turns, and what counts is the ratio within a round.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

RESULTS = Path(__file__).parent / "results"
VERSIONS_OF = ("npdl-core", "npdl-numba", "numpy", "torch", "numba")

#: A contender is prepared once (imports, data, model) and returns the step to time.
Contender = Callable[[], Callable[[], object]]


@dataclass(frozen=True)
class Case:
    """One thing to time, by at least two contenders; ratios are the first one's time over each other's.

    Where ``npdl`` is not the first, its ratios are given too.
    """

    name: str
    contenders: Mapping[str, Contender]
    #: Raises unless all contenders compute the same; runs in a process of its own before anything is timed.
    check: Callable[[], None]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return the smallest, median and largest value."""
    return {"min": min(values), "median": median(values), "max": max(values)}


def environment(threads: int) -> dict[str, str]:
    """Return this process's environment with equal threads for every library and no BLAS overrides."""
    slowing = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
    env = {key: value for key, value in os.environ.items() if key not in slowing}
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    return env | dict.fromkeys(names, str(threads))


def with_numpy(prepare: Contender) -> Callable[[], object]:
    """Prepare one of our steps, without overrides of kernels."""
    os.environ["NPDL_KERNELS"] = "numpy"
    return prepare()


def npdl_contenders(prepare: Contender) -> dict[str, Contender]:
    """Return our contenders: NumPy's kernels, and before it npdl-numba's where that is installed."""
    compiled = {} if installed("npdl-numba") == "–" else {"npdl+numba": prepare}
    return {**compiled, "npdl": partial(with_numpy, prepare)}


def time_step(step: Callable[[], object], seconds: float) -> float:
    """Return the median duration of a step in seconds, after a warm-up of a fifth of the time."""
    warm = time.perf_counter() + seconds / 5
    while time.perf_counter() < warm:
        step()
    samples: list[float] = []
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end or len(samples) < 3:
        step()
        samples.append(time.perf_counter() - start)
    return median(samples)


def run(module: str, threads: int, *arguments: str) -> str:
    """Run this benchmark's module again as a worker and return what it prints."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, env=environment(threads), stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def measure(module: str, case: Case, threads: int, rounds: int, seconds: float) -> dict[str, Any]:
    """Time all contenders of a case in turns; every other round goes backwards."""
    times: dict[str, list[float]] = {name: [] for name in case.contenders}
    for index in range(rounds):
        for name in list(times)[:: -1 if index % 2 else 1]:
            out = run(module, threads, "--worker", name, "--case", case.name, "--seconds", str(seconds))
            times[name].append(float(out))
    first, *others = times
    pairs = {name: (first, name) for name in others}
    pairs |= {f"npdl/{name}": ("npdl", name) for name in others if "npdl" in others and name != "npdl"}
    ratios = {
        key: [a / b for a, b in zip(times[one], times[other], strict=True)]
        for key, (one, other) in pairs.items()
    }
    return {
        "case": case.name,
        "threads": threads,
        "milliseconds": {name: spread([1e3 * t for t in values]) for name, values in times.items()},
        "ratios": {name: spread(values) for name, values in ratios.items()},
    }


def show(row: dict[str, Any]) -> str:
    """Return a row of the table."""
    times = "  ".join(f"{name} {ms['median']:.3f} ms" for name, ms in row["milliseconds"].items())
    ratios = "  ".join(
        f"/{name} {r['median']:.2f} ({r['min']:.2f}–{r['max']:.2f})" for name, r in row["ratios"].items()
    )
    return f"{row['case']:<24} {row['threads']} thr  {times}  ratio {ratios}"


def installed(name: str) -> str:
    """Return the version of a distribution, or a dash."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "–"


def save(module: str, rows: list[dict[str, Any]]) -> Path:
    """Write the rows and what they were measured with; return the path."""
    now = datetime.now(UTC)
    about = {
        "benchmark": module,
        "time": now.isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "python": platform.python_version(),
        "versions": {name: installed(name) for name in VERSIONS_OF},
        "rows": rows,
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{module.rpartition('.')[2]}-{now:%Y%m%dT%H%M%S}.json"
    path.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    return path


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return the arguments that every benchmark understands."""
    result = argparse.ArgumentParser(description=description)
    result.add_argument("--case", help="only the cases whose name contains this")
    result.add_argument("--rounds", type=int, default=5)
    result.add_argument("--seconds", type=float, default=1.0, help="timed seconds of a contender in a round")
    result.add_argument("--threads", type=int, nargs="+", default=sorted({1, os.cpu_count() or 1}))
    result.add_argument("--limit", type=float, help="fail if a median ratio is above this")
    result.add_argument("--worker", help=argparse.SUPPRESS)
    result.add_argument("--check", action="store_true", help=argparse.SUPPRESS)
    return result


def main(module: str, description: str | None, cases: Sequence[Case]) -> None:
    """Be the whole benchmark, or, called by itself, one of its workers."""
    arguments = parser(description).parse_args()
    if arguments.worker or arguments.check:
        (case,) = (case for case in cases if case.name == arguments.case)
        if arguments.check:
            case.check()
        else:
            print(time_step(case.contenders[arguments.worker](), arguments.seconds))
        return
    rows = []
    for case in cases:
        if arguments.case and arguments.case not in case.name:
            continue
        run(module, 1, "--check", "--case", case.name)
        for threads in arguments.threads:
            rows.append(measure(module, case, threads, arguments.rounds, arguments.seconds))
            print(show(rows[-1]), flush=True)
    print(f"written: {save(module, rows).relative_to(Path.cwd())}")
    worst = max((ratio["median"] for row in rows for ratio in row["ratios"].values()), default=0.0)
    if arguments.limit is not None and worst > arguments.limit:
        sys.exit(f"{module}: a median ratio of {worst:.2f} is above the limit of {arguments.limit}")
