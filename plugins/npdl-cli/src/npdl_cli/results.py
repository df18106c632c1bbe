"""How the measures of a model and its confusion matrix are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from npdl_cli.console import cell, line, print_if_it_fits, print_table, shown_number
from npdl_cli.data import Part, class_names
from npdl_core import registry
from npdl_core.metrics.accuracy import Accuracy

__all__ = ["confusion_records", "numbers", "show_confusions", "show_measures"]

_MOST_CLASSES = 20
"""A wider matrix is no table that anybody reads."""
_LONGEST = 4
"""Longer names of classes are given numbers at the head of a column."""


def numbers(measures: Mapping[str, Any]) -> dict[str, Any]:
    """Return those measures that are single numbers."""
    return {key: value for key, value in measures.items() if np.ndim(value) == 0}


def show_measures(rows: Mapping[str, tuple[int, Mapping[str, Any]]]) -> None:
    """Print a table: one row for each part of the data, with its number of samples and its measures."""
    keys = list(dict.fromkeys(key for _, values in rows.values() for key in numbers(values)))
    print_table(
        ("", "samples", *keys),
        [
            (cell(name), cell(n_samples), *(cell(shown_number(values.get(key))) for key in keys))
            for name, (n_samples, values) in rows.items()
        ],
        right=range(1, len(keys) + 2),
    )


def confusion_records(network: Any, outputs: Any, part: Part, dataset: Any) -> dict[str, dict[str, Any]]:
    """Return the confusion matrix of each output that classifies, by name; ``""`` for a single output.

    An output (…, K) classifies if its accuracy is measured, or its targets (…) are class ids. A record has
    ``classes``, the names, and ``counts``: rows are true classes, columns predicted ones.
    """
    measures = network.compiled.metrics
    measured = {measure.output for measure in measures if isinstance(measure.metric, Accuracy)}
    several = isinstance(outputs, dict)
    records = {}
    for name, values in (outputs if several else {"": outputs}).items():
        targets = part.Y[name] if several else part.Y
        if None in measured or name in measured or _are_ids(targets, values):
            matrix = registry.get("metrics", "confusion_matrix")
            # A mask (N, T) belongs to outputs that still have the time axis.
            matrix.update(values, targets, mask=part.mask if np.ndim(values) > 2 else None)
            counts = matrix.result().astype(int).tolist()
            records[name] = {"classes": class_names(dataset, len(counts)), "counts": counts}
    return records


def _are_ids(targets: Any, outputs: Any) -> bool:
    several = np.ndim(outputs) > 1 and np.shape(outputs)[-1] > 1
    return several and np.ndim(targets) == np.ndim(outputs) - 1 and np.asarray(targets).dtype.kind in "iu"


def show_confusions(records: Mapping[str, Mapping[str, Any]]) -> None:
    """Print confusion matrices: a row for each true class, a column for each predicted one."""
    for output, record in records.items():
        classes, counts = record["classes"], record["counts"]
        numbered = max(map(len, classes)) > _LONGEST
        columns = [str(index) for index in range(len(classes))] if numbered else classes
        names = [f"{index} {name}" for index, name in enumerate(classes)] if numbered else classes
        line(f"confusion matrix of {output}" if output else "confusion matrix")
        shown = len(classes) <= _MOST_CLASSES and print_if_it_fits(
            ("true \\ predicted", *columns, "recall"),
            [_row(index, name, counts[index]) for index, name in enumerate(names)],
            range(1, len(classes) + 2),
        )
        if not shown:
            line(f"{len(classes)} classes are too many for a table here; see npdl plot confusion")
        line()


def _row(index: int, name: str, counts: Sequence[int]) -> list[Any]:
    styles = ["bold green" if column == index else "red" if n else "dim" for column, n in enumerate(counts)]
    cells = [cell(n or "·", style) for n, style in zip(counts, styles, strict=True)]
    total = sum(counts)
    return [cell(name, "bold"), *cells, cell(f"{counts[index] / total:.2f}" if total else "–")]
