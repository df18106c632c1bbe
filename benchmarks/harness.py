"""Time contenders fairly: alternating separate processes, equal threads, ratios round by round.

The thread pools of two libraries in one process ruin each other's numbers, and a shared machine's speed
drifts by the minute. So each contender is measured in a process of its own, which is stopped while others
have their turns, and what counts is the ratio within a round. It also tells how much memory it took.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import isclose
from statistics import median
from typing import Any

from benchmarks import arithmetic, workers
from benchmarks.arithmetic import spread
from benchmarks.saving import installed, save
from benchmarks.workers import Worker, environment, run

__all__ = ["Case", "Contender", "environment", "installed", "main", "npdl_contenders", "others", "parser"]
__all__ += ["run", "spread", "with_numpy"]

#: Contenders that ratios may be to; a case's reference is the fastest of those that it has.
REFERENCES = ("pytorch", "channels_last", "foreach", "fused")
OURS = ("npdl+numba", "npdl")
SGEMM = "sgemm"

#: A contender is prepared once (imports, data, model) and returns the step to time, which returns the loss.
Contender = Callable[[], Callable[[], object]]


@dataclass(frozen=True)
class Case:
    """One thing to time, by at least two contenders, one of them a reference."""

    name: str
    contenders: Mapping[str, Contender]
    #: Raises unless all contenders compute the same; runs in a process of its own before anything is timed.
    check: Callable[[], None]
    #: Multiplications and additions of the matrix products of a step, forward and backward; 0: not counted.
    flops: float = 0.0


@dataclass(frozen=True)
class Options:
    """How much is measured."""

    rounds: int = 7
    seconds: float = 1.0
    threads: tuple[int, ...] = (1,)
    case: str | None = None


def with_numpy(prepare: Contender) -> Callable[[], object]:
    """Prepare one of our steps, without overrides of kernels."""
    os.environ["NPDL_KERNELS"] = "numpy"
    return prepare()


def npdl_contenders(prepare: Contender) -> dict[str, Contender]:
    """Return our contenders: NumPy's kernels, and before it npdl-numba's where that is installed."""
    compiled = {} if installed("npdl-numba") == "–" else {"npdl+numba": prepare}
    return {**compiled, "npdl": partial(with_numpy, prepare)}


def others(**contenders: Contender) -> dict[str, Contender]:
    """Return those of the contenders named after other libraries whose environment was made."""
    return {name: prepare for name, prepare in contenders.items() if workers.python_of(name)}


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


def measurement(step: Callable[[], object], seconds: float) -> Callable[[], dict[str, float]]:
    """Return a function that times a prepared step and tells how much memory the steps so far took."""
    before = workers.peak_memory()

    def measured() -> dict[str, float]:
        taken = time_step(step, seconds)
        peak = workers.peak_memory()
        return {"seconds": taken, "rise": peak - before, "peak": peak}

    return measured


def losses(step: Callable[[], object], count: int) -> list[float]:
    """Return the losses of the first steps."""
    values: list[Any] = [step() for _ in range(count)]
    return [float(value["loss"] if isinstance(value, dict) else value) for value in values]


def agree(module: str, case: Case) -> None:
    """Check a case: our step against PyTorch's, and the losses of libraries of other environments.

    Raises
    ------
    RuntimeError
        If a library's first losses differ from ours.
    """
    run(module, 1, "--check", "--case", case.name)
    for name in case.contenders:
        if name not in workers.OTHERS:
            continue
        other = workers.OTHERS[name]
        found = [
            workers.ask(module, who, 1, "--worker", who, "--case", case.name, "--losses", str(other.losses))
            for who in ("npdl", name)
        ]
        if not all(isclose(a, b, rel_tol=other.tolerance) for a, b in zip(*found, strict=True)):
            raise RuntimeError(f"{case.name}: losses of npdl are {found[0]}, of {name} {found[1]}")


def take_turns(asked: Mapping[str, Worker], rounds: int) -> dict[str, list[Any]]:
    """Return every worker's answers, one a round; every other round goes backwards."""
    answers: dict[str, list[Any]] = {name: [] for name in asked}
    for index in range(rounds):
        for name in list(asked)[:: -1 if index % 2 else 1]:
            answers[name].append(asked[name].ask())
    return answers


def measure(module: str, case: Case, threads: int, options: Options) -> dict[str, Any]:
    """Time all contenders of a case in turns, and the peak of BLAS."""
    load = os.getloadavg()[0]
    seconds = ("--seconds", str(options.seconds))
    arguments = {name: ("--worker", name, "--case", case.name, *seconds) for name in case.contenders}
    peaks = {SGEMM: ("--seconds", str(min(0.3, options.seconds)))} if case.flops else {}
    with (
        workers.workers_of(module, threads, arguments) as timing,
        workers.workers_of("benchmarks.sgemm", threads, peaks) as peaking,
    ):
        timed = take_turns({**timing, **peaking}, options.rounds)
    peak = timed.pop(SGEMM, [])
    times = {name: [one["seconds"] for one in values] for name, values in timed.items()}
    known = [name for name in times if name in REFERENCES] or [list(times)[-1]]
    reference = arithmetic.fastest(times, known)
    row = {
        "case": case.name,
        "threads": threads,
        "load": [load, os.getloadavg()[0]],
        "milliseconds": {name: spread([1e3 * t for t in values]) for name, values in times.items()},
        "reference": reference,
        "ratios": arithmetic.ratios(times, reference),
        "memory_mb": {
            name: {key: median(one[key] for one in values) for key in ("rise", "peak")}
            for name, values in timed.items()
        },
    }
    if case.flops:
        row["sgemm_gflops"] = spread(peak)
        row["sgemm_fraction"] = arithmetic.fractions(times, case.flops, [1e9 * one for one in peak])
    return row


def show(row: dict[str, Any]) -> str:
    """Return a row of measurements as a line."""
    times = "  ".join(f"{name} {ms['median']:.3f} ms" for name, ms in row["milliseconds"].items())
    ratios = "  ".join(
        f"{name} {r['median']:.2f} ({r['min']:.2f}–{r['max']:.2f})" for name, r in row["ratios"].items()
    )
    return f"{row['case']:<24} {row['threads']} thr  {times}  ratio to {row['reference']}: {ratios}"


def chosen(cases: Sequence[Case], name: str | None) -> list[Case]:
    """Return the case of this name, or else all whose name contains it."""
    exact = [case for case in cases if case.name == name]
    return exact or [case for case in cases if not name or name in case.name]


def benchmark(module: str, cases: Sequence[Case], options: Options) -> list[dict[str, Any]]:
    """Check and time a module's cases, print a line for each and return the rows."""
    rows = []
    for case in chosen(cases, options.case):
        agree(module, case)
        for threads in options.threads:
            rows.append(measure(module, case, threads, options))
            print(show(rows[-1]), flush=True)
    return rows


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return the arguments that every benchmark understands."""
    result = argparse.ArgumentParser(description=description)
    result.add_argument("--case", help="only the case of this name, or those whose name contains it")
    result.add_argument("--rounds", type=int, default=7)
    result.add_argument("--seconds", type=float, default=1.0, help="timed seconds of a contender in a round")
    result.add_argument("--threads", type=int, nargs="+", default=sorted({1, os.cpu_count() or 1}))
    result.add_argument("--limit", type=float, help="fail if a median ratio of ours is above this")
    result.add_argument("--worker", help=argparse.SUPPRESS)
    result.add_argument("--losses", type=int, help=argparse.SUPPRESS)
    result.add_argument("--check", action="store_true", help=argparse.SUPPRESS)
    return result


def options_of(arguments: argparse.Namespace) -> Options:
    """Return what the arguments say about how much is measured."""
    return Options(arguments.rounds, arguments.seconds, tuple(arguments.threads), arguments.case)


def main(module: str, description: str | None, cases: Sequence[Case]) -> None:
    """Be the whole benchmark, or, called by itself, one of its workers."""
    arguments = parser(description).parse_args()
    if arguments.check or arguments.worker:
        (case,) = (case for case in cases if case.name == arguments.case)
        if arguments.check:
            case.check()
        elif arguments.losses:
            workers.answer(losses(case.contenders[arguments.worker](), arguments.losses))
        else:
            workers.serve(measurement(case.contenders[arguments.worker](), arguments.seconds))
        return
    rows = benchmark(module, cases, options_of(arguments))
    print(f"written: {save(module, rows)}")
    worst = max(
        (row["ratios"][name]["median"] for row in rows for name in OURS if name in row["ratios"]), default=0
    )
    if arguments.limit is not None and worst > arguments.limit:
        sys.exit(f"{module}: a median ratio of {worst:.2f} is above the limit of {arguments.limit}")


def main_of_peak(description: str | None, prepare: Contender, flops: float) -> None:
    """Answer with how many GFLOP/s a step reaches."""
    arguments = argparse.ArgumentParser(description=description)
    arguments.add_argument("--seconds", type=float, default=1.0)
    step, seconds = prepare(), arguments.parse_args().seconds
    workers.serve(lambda: flops / time_step(step, seconds) / 1e9)
