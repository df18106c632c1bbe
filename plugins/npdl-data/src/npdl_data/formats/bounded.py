"""Files that are read without being trusted: regular ones, plain or gzip, and never past a limit."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

from npdl_core.errors import BudgetError, DataError, printable

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = [
    "DEFLATE_RATIO",
    "MAX_BYTES",
    "Source",
    "check_budget",
    "limited",
    "open_bounded",
    "open_regular",
    "read_text",
    "text_lines",
]

#: The most bytes that one file may hold when decompressed, and one array may take.
MAX_BYTES = 2**30

#: Deflate cannot expand data by more than this.
DEFLATE_RATIO = 1032

#: Read at a time, so that no second copy of a large file is held.
_CHUNK = 2**20

#: The longest line of a text file, in characters.
MAX_LINE = 2**24


@dataclass(frozen=True)
class Source:
    """An open file, how to show its name, and the most bytes that it can turn out to hold."""

    stream: io.BufferedReader
    shown: str
    capacity: int

    def take(self, n_bytes: int, what: str) -> bytes:
        """Return exactly the next ``n_bytes``; their number is compared with the file's size before reading.

        Raises
        ------
        DataError
            If the file is too short.
        """
        if n_bytes > self.capacity:
            raise DataError(
                f"{self.shown}: {what} takes {n_bytes} bytes, but the file holds at most {self.capacity}"
            )
        data = self.stream.read(n_bytes)
        if len(data) < n_bytes:
            raise DataError(
                f"{self.shown}: the file ends inside {what}, after {len(data)} of {n_bytes} bytes"
            )
        return data

    def expect_end(self) -> None:
        """Check that nothing is left to read; for gzip this checks the file's checksum too.

        Raises
        ------
        DataError
            If bytes are left.
        """
        if self.stream.read(1):
            raise DataError(f"{self.shown}: the file goes on after the data that its header announces")


class Readable(Protocol):
    """What :func:`limited` reads from."""

    def read(self, size: int, /) -> bytes:
        """Return at most ``size`` bytes; none at the end."""
        ...


class _Limited(io.RawIOBase):
    """A raw stream that ends in an error when more than ``limit`` bytes come out of it."""

    def __init__(self, stream: Readable, limit: int, shown: str) -> None:
        self._stream, self._limit, self._left, self._shown = stream, limit, limit, shown

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        try:
            data = self._stream.read(min(len(view), _CHUNK))
        except (EOFError, OSError, zlib.error) as error:
            raise DataError(f"{self._shown}: cannot be read: {printable(error)}") from error
        self._left -= len(data)
        if self._left < 0:
            raise DataError(f"{self._shown}: holds more than the allowed {self._limit} bytes")
        view[: len(data)] = data
        return len(data)


def limited(stream: Readable, limit: int, capacity: int, shown: str) -> Source:
    """Return a stream as a :class:`Source`; broken data and bytes past ``limit`` become a DataError."""
    return Source(io.BufferedReader(_Limited(stream, limit, shown)), shown, min(limit, capacity))


@contextmanager
def open_regular(path: Path, limit: int = MAX_BYTES) -> Iterator[tuple[IO[bytes], int, str]]:
    """Open a regular file of at most ``limit`` bytes; yield its stream, its size and its printable name.

    Raises
    ------
    DataError
        If there is no such regular file, it cannot be opened, or it is larger than ``limit``.
    """
    shown = printable(path)
    try:
        if not path.is_file():
            raise DataError(f"{shown}: not a regular file" if path.exists() else f"{shown}: no such file")
        raw = path.open("rb")
    except OSError as error:
        raise DataError(f"{shown}: cannot be opened: {printable(error.strerror)}") from error
    with raw:
        size = os.fstat(raw.fileno()).st_size
        if size > limit:
            raise DataError(f"{shown}: {size} bytes, which is more than the allowed {limit}")
        yield raw, size, shown


@contextmanager
def open_bounded(path: Path, limit: int = MAX_BYTES) -> Iterator[Source]:
    """Open a regular file, through gzip where its content says so.

    Parameters
    ----------
    path : Path
        The file.
    limit : int
        The most bytes that may be read from it, after decompression.

    Raises
    ------
    DataError
        As :func:`open_regular`; reading raises it for broken gzip data and for data past the limit.
    """
    with open_regular(path, limit) as (raw, size, shown):
        gzipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        if gzipped:
            yield limited(gzip.GzipFile(fileobj=raw), limit, size * DEFLATE_RATIO, shown)
        else:
            yield limited(raw, limit, size, shown)


def text_lines(source: Source) -> Iterator[str]:
    """Yield the lines of a UTF-8 text file, each with its line end as a single newline.

    Raises
    ------
    DataError
        If the bytes are not UTF-8, or a line is longer than allowed.
    """
    stream = io.TextIOWrapper(source.stream, encoding="utf-8-sig")
    try:
        while line := stream.readline(MAX_LINE):
            if len(line) == MAX_LINE:
                raise DataError(f"{source.shown}: a line of {MAX_LINE} characters or more")
            yield line
    except UnicodeError as error:
        raise _wrong_encoding(source, "UTF-8", error) from error


def read_text(source: Source, encoding: str, max_chars: int | None = None) -> str:
    """Return the text of a file, its line ends as single newlines, or its first ``max_chars`` characters.

    Raises
    ------
    DataError
        If the bytes are not in the encoding.
    """
    try:
        return io.TextIOWrapper(source.stream, encoding=encoding).read(max_chars)
    except UnicodeError as error:
        raise _wrong_encoding(source, encoding, error) from error


def _wrong_encoding(source: Source, encoding: str, error: UnicodeError) -> DataError:
    return DataError(f"{source.shown}: not {encoding} text: {printable(error)}")


def check_budget(n_bytes: int, what: str, remedy: str, limit: int = MAX_BYTES) -> None:
    """Check the size of an array before it is allocated.

    Raises
    ------
    BudgetError
        If it is more than ``limit``.
    """
    if n_bytes > limit:
        raise BudgetError(f"{what} would take {n_bytes} bytes, more than the allowed {limit}; {remedy}")
