"""Everything at once: all benchmarks, one table of them against their targets, JSON and a plot.

Writes ``results/report-….md``, ``.json`` and ``.png``.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

from benchmarks import saving, tables, workers
from benchmarks.harness import Options, benchmark, chosen, options_of, parser

#: In this order: modules with ``CASES`` for the harness, or with a ``collect`` of their own.
MODULES = (
    "mlp",
    "recurrent",
    "language_model",
    "masked",
    "convolution",
    "optimizers",
    "inference",
    "startup",
    "scaling",
)
QUICK = Options(rounds=3, seconds=0.3)


def measured(name: str, options: Options, problems: list[str]) -> list[dict[str, Any]]:
    """Run a benchmark, write and return its rows; what fails is noted, and the rest goes on."""
    module = import_module(f"benchmarks.{name}")
    if hasattr(module, "collect"):
        parts = {name: partial(module.collect, options)}
    else:
        alone = replace(options, case=None)
        cases = chosen(module.CASES, options.case)
        parts = {case.name: partial(benchmark, module.__name__, [case], alone) for case in cases}
    rows: list[dict[str, Any]] = []
    for part, run in parts.items():
        try:
            rows += run()
        except (CalledProcessError, RuntimeError) as error:
            problems.append(f"{part}: {error}")
            print(f"FAILED {problems[-1]}", flush=True)
    if rows:
        saving.save(module.__name__, rows)
    return rows


def absent() -> list[str]:
    """Return a line for everything that could have been measured and is not installed."""
    lines = [
        f"Not installed, so not measured: {name}."
        for name in ("npdl-numba", "onnxruntime")
        if saving.installed(name) == "–"
    ]
    return lines + [
        f"Not measured: {name}; `make bench-others` makes its environment, {other.variable} names another."
        for name, other in workers.OTHERS.items()
        if workers.python_of(name) is None
    ]


def written(about: dict[str, Any], options: Options, results: dict[str, list[dict[str, Any]]]) -> str:
    """Return the report as Markdown."""
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    parts = [
        "# Benchmarks",
        f"{about['time']}, {about['machine']}, Python {about['python']}; {versions}. "
        f"{options.rounds} rounds of {options.seconds:g} s. Ratios are times over the reference's, medians "
        "(smallest–largest). Load is the machine's over a minute, before or after the row, the larger; as "
        "much of it as there are threads is the benchmark's own.",
        *absent(),
        tables.counted(results),
        tables.steps(results),
    ]
    if any("memory_mb" in row for rows in results.values() for row in rows):
        note = (
            "Parts of the sgemm peak; megabytes by which the steps raised the peak of memory, and that peak."
        )
        parts += [note, tables.resources(results)]
    if "startup" in results:
        parts.append(tables.imports(results))
    if results.get("scaling"):
        note = "Exponents p of time = a · sizeᵖ, one of T, N, H changing."
        parts += [note, tables.slopes(results["scaling"])]
    return "\n\n".join(parts) + "\n"


def publish(options: Options, results: dict[str, list[dict[str, Any]]]) -> list[Path]:
    """Print the report, write it, the rows and, where matplotlib is installed, the plot; return the paths."""
    about = saving.about()
    text = written(about, options, results)
    print(f"\n{text}")
    page = saving.path_of("report", "md")
    page.write_text(text, encoding="utf-8")
    data, picture = page.with_suffix(".json"), page.with_suffix(".png")
    data.write_text(json.dumps({**about, "results": results}, indent=2) + "\n", encoding="utf-8")
    if find_spec("matplotlib") is None:
        print("no plot: matplotlib is not installed")
        return [page, data]
    from benchmarks.plot import draw

    draw(results, picture)
    return [page, data, picture]


def arguments_of() -> argparse.Namespace:
    """Return the arguments."""
    result = parser(__doc__)
    result.add_argument("--quick", action="store_true", help="three short rounds: shows that all of it works")
    result.add_argument(
        "--only", nargs="+", choices=MODULES, default=MODULES, metavar="NAME", help="which ones"
    )
    return result.parse_args()


def main() -> None:
    """Measure and publish."""
    arguments = arguments_of()
    options = options_of(arguments)
    if arguments.quick:
        options = Options(QUICK.rounds, QUICK.seconds, options.threads, options.case)
    problems: list[str] = []
    results = {name: measured(name, options, problems) for name in arguments.only}
    for path in publish(options, {name: rows for name, rows in results.items() if rows}):
        print(f"written: {path}")
    if problems:
        sys.exit(
            "\n".join(["not measured, because a contender failed or computes something else:", *problems])
        )


if __name__ == "__main__":
    main()
