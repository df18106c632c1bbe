"""The ``.ts`` text format of labelled series with several dimensions and different lengths."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import DataError, printable
from npdl_data.formats.bounded import open_bounded, text_lines

__all__ = ["LabelledSeries", "read_ts"]

_LIMIT = 2**27


@dataclass(frozen=True)
class LabelledSeries:
    """Series of shape ``(T_i, D)``, the class id of each, and the names of the classes in id order."""

    series: list[NDArray[np.float64]]
    labels: list[int]
    classes: tuple[str, ...]


def read_ts(path: Path) -> LabelledSeries:
    """Read a ``.ts`` file: ``@`` lines, then one series a line, ``dim:…:dim:label``.

    Raises
    ------
    DataError
        If the header does not announce dimensions and class labels, or a series does not fit it; the message
        has the line.
    """
    with open_bounded(path, _LIMIT) as source:
        lines = enumerate(text_lines(source), 1)
        header = _header(lines, source.shown)
        n_dimensions, classes = _announced(header, source.shown)
        found = LabelledSeries([], [], classes)
        for number, line in lines:
            if line.strip():
                _add(found, line, n_dimensions, f"{source.shown}, line {number}")
    if not found.series:
        raise DataError(f"{source.shown}: no series after @data")
    return found


def _header(lines: Iterator[tuple[int, str]], shown: str) -> dict[str, str]:
    header: dict[str, str] = {}
    for number, line in lines:
        key, _, value = line.strip().partition(" ")
        if key.lower() == "@data":
            return header
        if key.startswith("@"):
            header[key.lower()] = value.strip()
        elif key and not key.startswith("#"):
            raise DataError(f"{shown}, line {number}: expected a line with @ or # before @data")
    raise DataError(f"{shown}: no @data line")


def _announced(header: dict[str, str], shown: str) -> tuple[int, tuple[str, ...]]:
    if header.get("@timestamps", "false").lower() != "false":
        raise DataError(f"{shown}: series with time stamps are not supported")
    dimensions = header.get("@dimensions", "1")
    if not (dimensions.isascii() and dimensions.isdigit() and 0 < len(dimensions) < 7 and int(dimensions)):
        raise DataError(f"{shown}: @dimensions {printable(dimensions, 40)}, expected a positive integer")
    labelled, *classes = header.get("@classlabel", "").split() or [""]
    if labelled.lower() != "true" or not classes or len(set(classes)) < len(classes):
        raise DataError(f"{shown}: expected '@classLabel true' and the distinct names of the classes")
    return int(dimensions), tuple(classes)


def _add(found: LabelledSeries, line: str, n_dimensions: int, where: str) -> None:
    *dimensions, label = line.strip().split(":")
    if len(dimensions) != n_dimensions:
        raise DataError(f"{where}: {len(dimensions)} dimensions, @dimensions announces {n_dimensions}")
    if label not in found.classes:
        raise DataError(f"{where}: label {printable(repr(label), 60)} is not one of those of @classLabel")
    values = [_numbers(text, where) for text in dimensions]
    if len({len(dimension) for dimension in values}) != 1:
        raise DataError(f"{where}: dimensions of different lengths")
    found.series.append(np.array(values, dtype=np.float64).T)
    found.labels.append(found.classes.index(label))


def _numbers(text: str, where: str) -> list[float]:
    try:
        values = [float(cell) for cell in text.split(",")]
    except ValueError as error:
        raise DataError(f"{where}: {printable(error, 80)}") from None
    if not all(map(math.isfinite, values)):
        raise DataError(f"{where}: a value that is not finite")
    return values
