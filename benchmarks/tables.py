"""The tables of a report, in Markdown that a terminal shows well too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.arithmetic import verdict
from benchmarks.targets import target

Rows = Sequence[Mapping[str, Any]]
OURS = ("npdl", "npdl+numba")
#: What stands in a column of its own, or is another form of the reference.
NOT_OTHERS = (*OURS, "pytorch", "channels_last", "foreach", "fused")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table, columns aligned.

    Examples
    --------
    >>> print(table(["a", "b"], [["long", "1"]]))
    | a    | b |
    |------|---|
    | long | 1 |
    """
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |"
        for row in (head, *rows)
    ]
    rule = f"|{'|'.join('-' * (width + 2) for width in widths)}|"
    return "\n".join([lines[0], rule, *lines[1:]])


def ratio(spread: Mapping[str, float] | None) -> str:
    """Return a median with its smallest and largest value."""
    return "–" if spread is None else f"{spread['median']:.2f} ({spread['min']:.2f}–{spread['max']:.2f})"


def judged(module: str, row: Mapping[str, Any], contender: str) -> str:
    """Return a contender's ratio, and what it says of the target."""
    found = row["ratios"].get(contender)
    limit = target(module, row["case"], contender, row["threads"])
    if found is None or limit is None:
        return ratio(found)
    return f"{ratio(found)}, ≤ {limit:.2f} {verdict(found['median'], limit)}"


def counted(results: Mapping[str, Rows]) -> str:
    """Return how many of the targets are met."""
    pairs = [
        (row["ratios"][name]["median"], limit)
        for module, rows in results.items()
        for row in rows
        for name in OURS
        if name in row.get("ratios", {})
        and (limit := target(module, row["case"], name, row["threads"])) is not None
    ]
    met = sum(verdict(found, limit) == "met" for found, limit in pairs)
    return f"{met} of {len(pairs)} targets are met."


def fraction(row: Mapping[str, Any], contender: str) -> str:
    """Return which part of the sgemm peak a contender reaches."""
    found = row.get("sgemm_fraction", {}).get(contender)
    return "–" if found is None else f"{100 * found['median']:.0f} %"


def memory(row: Mapping[str, Any], contender: str) -> str:
    """Return how far a contender's steps raise the peak of memory, and that peak, in MB."""
    found = row.get("memory_mb", {}).get(contender)
    return "–" if found is None else f"{found['rise']:.0f}, {found['peak']:.0f}"


def steps(results: Mapping[str, Rows]) -> str:
    """Return the table of ratios: a row for each case and number of threads."""
    head = ["benchmark", "case", "threads", "reference", "ms", *OURS, "others", "load"]
    rows = []
    for module, found in results.items():
        for row in found:
            if "ratios" not in row or row["case"] == "import":
                continue
            reference = row["reference"]
            others = [f"{name} {ratio(r)}" for name, r in row["ratios"].items() if name not in NOT_OTHERS]
            rows.append(
                [
                    module,
                    row["case"],
                    str(row["threads"]),
                    reference,
                    f"{row['milliseconds'][reference]['median']:.3g}",
                    *(judged(module, row, name) for name in OURS),
                    "; ".join(others) or "–",
                    f"{max(row['load']):.1f}",
                ]
            )
    return table(head, rows)


def resources(results: Mapping[str, Rows]) -> str:
    """Return the table of parts of the sgemm peak and of memory."""
    columns = (*OURS, "reference")
    head = ["benchmark", "case", "threads", "sgemm GFLOP/s", *(f"{name} peak" for name in columns)]
    head += [f"{name} MB" for name in columns]
    rows = []
    for module, found in results.items():
        for row in found:
            if "memory_mb" not in row:
                continue
            names = (*OURS, row["reference"])
            peak = row.get("sgemm_gflops")
            rows.append(
                [
                    module,
                    row["case"],
                    str(row["threads"]),
                    "–" if peak is None else f"{peak['median']:.0f}",
                    *(fraction(row, name) for name in names),
                    *(memory(row, name) for name in names),
                ]
            )
    return table(head, rows)


def imports(results: Mapping[str, Rows]) -> str:
    """Return the table of import times."""
    row = next(row for row in results["startup"] if row["case"] == "import")
    rows = [
        [name, f"{ms['median']:.0f} ({ms['min']:.0f}–{ms['max']:.0f})", ratio(row["ratios"].get(name))]
        for name, ms in row["milliseconds"].items()
    ]
    return table(["import", "ms", "of PyTorch's"], rows)


def slopes(rows: Rows) -> str:
    """Return the table of exponents."""
    names = [name for name in (*OURS, "pytorch") if name in rows[0]["slopes"]]
    cells = [
        [
            row["case"],
            str(row["threads"]),
            *(ratio(row["slopes"][name]) for name in names),
            f"{max(row['load']):.1f}",
        ]
        for row in rows
    ]
    return table(["case", "threads", *names, "load"], cells)
