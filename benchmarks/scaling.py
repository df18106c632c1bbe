"""How a training step of recurrent layers grows with T, N and H: the exponent of a fitted power.

Around s2 (T 64, N 32, D 128, H 256) one size changes at a time. One process times all sizes of a contender,
so that a round's fit is of one process; contenders take turns.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from benchmarks import arithmetic, recurrent, workers
from benchmarks.harness import Options, npdl_contenders, options_of, parser, take_turns, time_step
from benchmarks.saving import save

if TYPE_CHECKING:
    from collections.abc import Callable

AXES = {"T": (16, 32, 64, 128), "N": (8, 16, 32, 64), "H": (64, 128, 256, 512)}
CASES_OF = [f"{family}-{axis}" for family in recurrent.FAMILIES for axis in AXES]


def sizes_of(case: str) -> tuple[str, list[recurrent.Sizes]]:
    """Return the family of a case, and the sizes to time."""
    family, _, axis = case.rpartition("-")
    middle = recurrent.SIZES["s2"]._asdict()
    return family, [recurrent.Sizes(**{**middle, axis: size}) for size in AXES[axis]]


def prepared(contender: str, family: str, sizes: recurrent.Sizes) -> Callable[[], object]:
    """Return a contender's step."""
    if contender == "pytorch":
        return recurrent.torch_step(family, sizes)
    return npdl_contenders(lambda: recurrent.npdl(family, sizes))[contender]()


def contenders() -> list[str]:
    """Return the names of all contenders."""
    return [*npdl_contenders(lambda: lambda: None), "pytorch"]


def timer(case: str, contender: str, seconds: float) -> Callable[[], list[float]]:
    """Return a function that returns the median seconds of a step at every size."""
    family, sizes = sizes_of(case)
    steps = [prepared(contender, family, one) for one in sizes]
    return lambda: [time_step(step, seconds / len(steps)) for step in steps]


def measure(case: str, threads: int, options: Options) -> dict[str, Any]:
    """Return the times of all contenders at all sizes, and the slopes of all rounds."""
    load = os.getloadavg()[0]
    arguments = {
        name: ("--worker", name, "--case", case, "--seconds", str(options.seconds)) for name in contenders()
    }
    with workers.workers_of("benchmarks.scaling", threads, arguments) as timing:
        rounds = take_turns(timing, options.rounds)
    axis = case.rpartition("-")[2]
    return {
        "case": case,
        "threads": threads,
        "load": [load, os.getloadavg()[0]],
        "sizes": AXES[axis],
        "milliseconds": {
            name: [arithmetic.spread([1e3 * t for t in column]) for column in zip(*found, strict=True)]
            for name, found in rounds.items()
        },
        "slopes": {
            name: arithmetic.spread([arithmetic.slope(AXES[axis], times) for times in found])
            for name, found in rounds.items()
        },
    }


def show(row: dict[str, Any]) -> str:
    """Return a row of measurements as a line."""
    slopes = "  ".join(
        f"{name} {s['median']:.2f} ({s['min']:.2f}–{s['max']:.2f})" for name, s in row["slopes"].items()
    )
    return f"{row['case']:<24} {row['threads']} thr  exponents: {slopes}"


def collect(options: Options) -> list[dict[str, Any]]:
    """Check and measure every case, print a line for each and return the rows."""
    rows = []
    for case in CASES_OF:
        if options.case and options.case not in case:
            continue
        workers.run("benchmarks.scaling", 1, "--check", "--case", case)
        for threads in options.threads:
            rows.append(measure(case, threads, options))
            print(show(rows[-1]), flush=True)
    return rows


def main() -> None:
    """Be the whole benchmark, or one of its workers."""
    arguments = parser(__doc__).parse_args()
    if arguments.check:
        family, sizes = sizes_of(arguments.case)
        recurrent.check(family, sizes[0])
    elif arguments.worker:
        workers.serve(timer(arguments.case, arguments.worker, arguments.seconds))
    else:
        print(f"written: {save('benchmarks.scaling', collect(options_of(arguments)))}")


if __name__ == "__main__":
    main()
