"""``import npdl_core``, and its ``Model``, against ``import numpy``: fresh interpreters, ratios by pair."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from benchmarks.harness import spread

TIMED = "import time; start = time.perf_counter(); {}; print(time.perf_counter() - start)"
#: The package loads its parts when they are used, so what any model needs is timed too.
STATEMENTS = ("import npdl_core", "from npdl_core import Model")
REFERENCE = "import numpy"


def seconds(statement: str) -> float:
    """Return how long a fresh interpreter takes to execute an import."""
    # What is installed has byte code; a checkout gets it at the first import, unless this forbids it.
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-P", "-c", TIMED.format(statement)]
    return float(subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True).stdout)


def main() -> None:
    """Print the ratio; fail above the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--limit", type=float, help="fail if the package's median ratio is above this")
    arguments = parser.parse_args()
    for statement in (*STATEMENTS, REFERENCE):
        seconds(statement)  # from here on the byte code is written and the files are in memory
    medians = {}
    for statement in STATEMENTS:
        pairs = [(seconds(statement), seconds(REFERENCE)) for _ in range(arguments.rounds)]
        ours, numpy = (spread([1e3 * value for value in column]) for column in zip(*pairs, strict=True))
        ratio = spread([a / b for a, b in pairs])
        print(
            f"{statement}: {ours['median']:.1f} ms, numpy {numpy['median']:.1f} ms, "
            f"ratio {ratio['median']:.2f} ({ratio['min']:.2f}–{ratio['max']:.2f})"
        )
        medians[statement] = ratio["median"]
    if arguments.limit is not None and medians[STATEMENTS[0]] > arguments.limit:
        sys.exit(f"{STATEMENTS[0]}: more than {arguments.limit} times as long as {REFERENCE}")


if __name__ == "__main__":
    main()
