"""Arrays from files and into files, for predictions."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import DataError, printable

__all__ = ["encode", "fit_shape", "read_array", "suffix_for"]


def read_array(path: Path) -> NDArray[Any]:
    """Return the numbers of an NPY file, or of a CSV file with a row for each sample and perhaps a header.

    An NPY file stays on disk until it is used; Python objects in it are refused. Whole numbers of a CSV file
    stay integers.

    Raises
    ------
    DataError
        If it is neither, or not of numbers.
    """
    where = printable(path)
    if path.suffix == ".npy":
        return _read_npy(path, where)
    if path.suffix == ".csv":
        return _read_csv(path, where)
    raise DataError(f"{where}: expected a file that ends in .npy or .csv")


def _read_npy(path: Path, where: str) -> NDArray[Any]:
    with path.open("rb") as stream:
        if stream.read(6) != b"\x93NUMPY":
            raise DataError(f"{where}: not an NPY file")
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise DataError(f"{where}: not an NPY file of numbers: {printable(error)}") from error
    return np.asanyarray(array)


def _read_csv(path: Path, where: str) -> NDArray[Any]:
    rows: list[list[float]] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            for cells in csv.reader(stream):
                if not cells:
                    continue
                numbers = [_number(text) for text in cells]
                if None in numbers:
                    if not rows and all(number is None for number in numbers):
                        continue  # the header
                    bad = cells[numbers.index(None)]
                    raise DataError(f"{where}: expected a finite number, got {printable(repr(bad), 80)}")
                rows.append([number for number in numbers if number is not None])
                if len(rows[-1]) != len(rows[0]):
                    raise DataError(
                        f"{where}: row {len(rows)} has {len(rows[-1])} columns, the first has {len(rows[0])}"
                    )
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{where}: not a CSV file: {printable(error)}") from error
    if not rows:
        raise DataError(f"{where}: no rows")
    array = np.array(rows)
    return (
        array.astype(np.int64) if (array == np.trunc(array)).all() and np.abs(array).max() < 2**53 else array
    )


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def fit_shape(array: NDArray[Any], shape: Any) -> NDArray[Any]:
    """Return the rows of a table in the shape ``(None, …)``, if each has as many numbers."""
    sizes = tuple(shape[1:])
    if array.ndim != 2 or len(sizes) == 1 or None in sizes or math.prod(sizes) != array.shape[1]:
        return array
    return array.reshape(len(array), *sizes)


# -- writing -------------------------------------------------------------------------------------------------


def suffix_for(path: Path | None) -> str:
    """Return the form to write: ``.csv`` on standard output, or what a file's name says.

    Raises
    ------
    DataError
        If it says nothing that is known.
    """
    suffix = ".csv" if path is None else path.suffix
    if suffix not in (".csv", ".npy", ".npz"):
        raise DataError(f"{printable(path)}: expected a file name that ends in .csv, .npy or .npz")
    return suffix


def encode(outputs: Mapping[str, NDArray[Any]], suffix: str) -> bytes:
    """Return the outputs of a model by name, ``""`` for a single one, as the bytes of a file.

    Raises
    ------
    DataError
        If they do not fit the form.
    """
    stream = io.BytesIO()
    if suffix == ".npz":
        named: dict[str, Any] = {name or "output": array for name, array in outputs.items()}
        np.savez(stream, **named)
        return stream.getvalue()
    if suffix == ".npy":
        if len(outputs) > 1:
            raise DataError(
                f"an NPY file holds one array, but the outputs are {printable(list(outputs))}; write .npz"
            )
        np.save(stream, next(iter(outputs.values())), allow_pickle=False)
        return stream.getvalue()
    return _csv(outputs)


def _csv(outputs: Mapping[str, NDArray[Any]]) -> bytes:
    head: list[str] = []
    columns: list[NDArray[Any]] = []
    for name, array in outputs.items():
        if array.ndim > 2:
            raise DataError(
                f"outputs of shape {array.shape} are no table; write them with -o to .npy or .npz"
            )
        if array.ndim == 1:
            head.append(name or "output")
            columns.append(array)
        else:
            head += [f"{name}_{index}" if name else str(index) for index in range(array.shape[1])]
            columns += list(array.T)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    # NumPy's own text has as many digits as its type, and no more.
    writer.writerows([str(value) for value in row] for row in zip(*columns, strict=True))
    return text.getvalue().encode()
