"""Memory of training the convolutional networks: how far the peak rises above what there was before."""

from __future__ import annotations

import resource
import sys
from statistics import median

from benchmarks.convolution import CASES
from benchmarks.harness import parser, run

MODULE = "benchmarks.convolution_memory"
STEPS = 4


def peak() -> float:
    """Return the most resident memory that this process ever had, in MB."""
    kilobytes = 1024 if sys.platform == "darwin" else 1
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / kilobytes / 1024


def worker(case: str, contender: str) -> None:
    """Print the peak before the first step, and after some."""
    (found,) = (item for item in CASES if item.name == case)
    step = found.contenders[contender]()
    before = peak()
    for _ in range(STEPS):
        step()
    print(before, peak())


def measure(case: str, contender: str, threads: int, rounds: int) -> tuple[float, float]:
    """Return the median rise and the median whole peak of several processes, in MB."""
    arguments = ("--worker", contender, "--case", case)
    pairs = [tuple(map(float, run(MODULE, threads, *arguments).split())) for _ in range(rounds)]
    return median(after - before for before, after in pairs), median(after for _, after in pairs)


def main() -> None:
    """Be the whole benchmark, or one of its workers."""
    arguments = parser(__doc__).parse_args()
    if arguments.worker:
        worker(arguments.case, arguments.worker)
        return
    for case in CASES:
        if arguments.case and arguments.case not in case.name:
            continue
        for threads in arguments.threads:
            for contender in case.contenders:
                rise, whole = measure(case.name, contender, threads, arguments.rounds)
                print(
                    f"{case.name:<8} {threads} thr  {contender:<14} rise {rise:7.1f} MB  peak {whole:7.1f} MB"
                )


if __name__ == "__main__":
    main()
