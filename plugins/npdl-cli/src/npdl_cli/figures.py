"""Drawings of a run: its History, and its confusion matrices."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npdl_core.errors import DataError, MissingDependencyError, printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from npdl_core.model.history import History

__all__ = ["confusion_figure", "curves_figure", "save_figure"]

_MOST_NUMBERS = 30
"""Larger matrices are colours only."""


def _figure(width: float, height: float) -> Figure:
    """Return a figure of matplotlib's, without pyplot, which keeps global state."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(
            f"plots need matplotlib, which cannot be imported ({printable(error)}): pip install matplotlib"
        ) from error
    return Figure(figsize=(width, height), layout="constrained")


def _plain(text: object) -> str:
    """Return text in which matplotlib finds no formula."""
    return printable(text, 60).replace("$", r"\$")


def curves_figure(history: History) -> Figure:
    """Return the curves of a History: a panel for each value, training and validation in one.

    Raises
    ------
    DataError
        If there is no value to draw.
    """
    curves = {
        key: values
        for key, values in history.history.items()
        if any(isinstance(value, (int, float)) for value in values)
    }
    if not curves:
        raise DataError("this run has no finished epoch to draw")
    panels = list(dict.fromkeys(key.removeprefix("val_") for key in curves))
    figure = _figure(4.5 * len(panels), 3.6)
    epochs = [epoch + 1 for epoch in history.epoch]
    for index, panel in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), index + 1)
        for key, label in ((panel, "training"), (f"val_{panel}", "validation")):
            if key in curves:
                values = [
                    float(value) if isinstance(value, (int, float)) else float("nan") for value in curves[key]
                ]
                axes.plot(epochs, values, label=label, marker="." if len(epochs) < 3 else "")
        axes.set_title(_plain(panel))
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
        axes.legend()
    return figure


def confusion_figure(records: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Return the confusion matrices of a run, side by side; colours are shares of the true class.

    Raises
    ------
    DataError
        If there is none, or one is malformed.
    """
    import numpy as np

    if not records:
        raise DataError("this run has no confusion matrix: it did not finish, or it does not classify")
    tables = {output: _checked(record) for output, record in records.items()}
    side = max(4.0, 1.6 + 0.42 * min(max(len(counts) for _, counts in tables.values()), _MOST_NUMBERS))
    figure = _figure(side * len(tables), side)
    for index, (output, (classes, counts)) in enumerate(tables.items()):
        axes = figure.add_subplot(1, len(tables), index + 1)
        axes.imshow(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1)
        axes.set_title(_plain(output or "held-out samples"))
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        if len(classes) <= _MOST_NUMBERS:
            _annotate(axes, classes, counts)
    return figure


def _annotate(axes: Any, classes: list[str], counts: Any) -> None:
    ticks = range(len(classes))
    names = [_plain(name) for name in classes]
    turned = 45 if max(map(len, names)) > 3 else 0
    axes.set_xticks(ticks, names, rotation=turned, ha="right" if turned else "center")
    axes.set_yticks(ticks, names)
    for (row, column), number in _entries(counts):
        share = number / max(counts[row].sum(), 1)
        axes.text(
            column, row, str(number), ha="center", va="center", color="white" if share > 0.5 else "black"
        )


def _entries(counts: Any) -> list[tuple[tuple[int, int], int]]:
    """Return the entries of a matrix that are not zero."""
    return [((row, column), int(counts[row, column])) for row, column in zip(*counts.nonzero(), strict=True)]


def _checked(record: Any) -> tuple[list[str], Any]:
    """Return classes and counts of a record that came from a file."""
    import numpy as np

    try:
        classes = [str(name) for name in record["classes"]]
        counts = np.array(record["counts"], dtype=np.int64)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError(f"the confusion matrix is malformed: {printable(error)}") from error
    if counts.shape != (len(classes), len(classes)) or not classes or counts.min() < 0:
        raise DataError("the confusion matrix is malformed: it needs a row and a column for each class")
    return classes, counts


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure in the format that the file's name says, such as PNG, SVG or PDF.

    Raises
    ------
    DataError
        If it says none that matplotlib has.
    """
    import io

    from npdl_core.saving.atomic import write_atomically

    known = figure.canvas.get_supported_filetypes()
    form = path.suffix.removeprefix(".").lower()
    if form not in known:
        raise DataError(
            f"{printable(path)}: expected a file name that ends in one of {', '.join(sorted(known))}"
        )
    stream = io.BytesIO()
    figure.savefig(stream, format=form, dpi=150)
    write_atomically(path, stream.getvalue())
