"""The plot of a report: bars of ratios with their spread, a line at 1, a mark at each target."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.tables import OURS, Rows
from benchmarks.targets import target

COLOURS = {"npdl": "tab:blue", "npdl+numba": "tab:orange"}
Entry = tuple[str, Mapping[str, Any]]


def entries(results: Mapping[str, Rows], threads: int) -> list[Entry]:
    """Return the module and row of every ratio that was measured with these threads."""
    return [
        (module, row)
        for module, rows in results.items()
        for row in rows
        if "ratios" in row and row["threads"] == threads and row["case"] != "import"
    ]


def label(module: str, case: str) -> str:
    """Return what stands below a pair of bars."""
    return f"predict {case}" if module == "inference" else case


def bars(axes: Any, found: list[Entry], threads: int) -> None:
    """Draw a pair of bars for each case; Adam's ratios need a logarithmic axis."""
    for shift, name in zip((-0.2, 0.2), OURS, strict=True):
        drawn = [(i, m, row) for i, (m, row) in enumerate(found) if name in row["ratios"]]
        spreads = [row["ratios"][name] for _, _, row in drawn]
        middle = [one["median"] for one in spreads]
        below = [one["median"] - one["min"] for one in spreads]
        above = [one["max"] - one["median"] for one in spreads]
        x = [i + shift for i, _, _ in drawn]
        axes.bar(x, middle, 0.4, yerr=[below, above], color=COLOURS[name], label=name, capsize=2)
        limits = [(i, target(m, row["case"], name, threads)) for i, (_, m, row) in zip(x, drawn, strict=True)]
        known = [(i, limit) for i, limit in limits if limit is not None]
        if known:
            axes.scatter(*zip(*known, strict=True), marker="_", s=90, color="black", zorder=3)
    axes.axhline(1, color="grey", linewidth=1)
    axes.set_yscale("log")
    axes.set_yticks([0.1, 0.25, 0.5, 1, 2, 5], ["0.1", "0.25", "0.5", "1", "2", "5"])
    axes.set_xticks(range(len(found)), [label(m, row["case"]) for m, row in found], rotation=60, ha="right")
    axes.set_ylabel("time / PyTorch's")
    axes.set_title(f"threads: {threads}; black marks: targets")
    axes.legend()


def draw(results: Mapping[str, Rows], path: Path) -> None:
    """Write the plot."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    all_rows = [row for rows in results.values() for row in rows if "ratios" in row]
    counts = sorted({row["threads"] for row in all_rows})
    found = {threads: entries(results, threads) for threads in counts}
    width = max(6.0, 0.45 * max(map(len, found.values())))
    figure, axes = pyplot.subplots(len(counts), 1, figsize=(width, 5.5 * len(counts)), squeeze=False)
    for axis, threads in zip(axes[:, 0], counts, strict=True):
        bars(axis, found[threads], threads)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
