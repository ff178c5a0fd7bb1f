"""Formats and opening of the files that are read: local files and blobs of any store alike."""

from __future__ import annotations

import gzip
import io
import mmap
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO, cast

import pyarrow as pa

from assay.tabular.errors import InputError, InputErrorCode, bad_file

CSV = "csv"
JSON_LINES = "json_lines"
PARQUET = "parquet"
ARROW_STREAM = "arrow_stream"
ARROW_FILE = "arrow_file"

GZIP_MARK = b"\x1f\x8b"
MOST_EXPANSION = 100  # bytes that come out of a byte of a file
FREE_BYTES = 1 << 30  # so many bytes may come out of a file of any size

OpenFile = Callable[[], BinaryIO]  # opens the same file at its start, seekable, at each call


def size_of(open_file: OpenFile) -> int:
    """Return the size of a file in bytes."""
    with open_file() as file:
        return file.seek(0, io.SEEK_END)


def unpacked(open_file: OpenFile) -> OpenFile:
    """Return what opens the text inside of a gzip file, not seekable, or a plain file as it is.

    Reading from it raises InputError where the file is damaged, or unpacks to far too much.
    """
    with open_file() as file:
        if file.read(len(GZIP_MARK)) != GZIP_MARK:
            return open_file
    size = size_of(open_file)
    return lambda: cast(BinaryIO, io.BufferedReader(_Unpacked(open_file(), size)))


class _Unpacked(io.RawIOBase):
    """The bytes inside of a gzip file."""

    def __init__(self, packed: BinaryIO, size: int) -> None:
        self._packed = packed
        self._file = gzip.GzipFile(fileobj=packed)
        self._left = self._most = max(FREE_BYTES, size * MOST_EXPANSION)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            count = self._file.readinto(buffer)
        except (OSError, EOFError, zlib.error) as error:
            raise bad_file(
                f"The file cannot be unpacked ({error})",
                "a text file may be packed by gzip",
                "Pack it again and send it whole",
            ) from error
        self._left -= count
        if self._left < 0:
            raise InputError(
                InputErrorCode.TOO_LARGE,
                f"The file unpacks to more than {self._most} bytes, which are allowed. Split it.",
                {"limit": self._most},
            )
        return count

    def close(self) -> None:
        self._file.close()
        self._packed.close()
        super().close()


class Expansion:
    """The bytes that have come out of a file, and the refusal of far too many."""

    def __init__(self, size: int) -> None:
        self._size = size  # of the file, in bytes
        self._most = max(FREE_BYTES, size * MOST_EXPANSION)
        self._bytes = 0

    def add(self, count: int, rows: int) -> None:
        """Count `count` more bytes, with which `rows` rows are read; raises InputError."""
        self._bytes += count
        if self._bytes > self._most:
            raise InputError(
                InputErrorCode.TOO_LARGE,
                f"The first {rows} rows of the file, which has {self._size} bytes, take more than "
                f"{self._most} bytes; a file may unpack to {MOST_EXPANSION} times its size, or to "
                f"{FREE_BYTES} bytes. Upload such rows in chunks.",
                {"bytes": self._size, "rows": rows, "limit": self._most},
            )


def arrow_source(file: BinaryIO) -> pa.NativeFile:
    """Return what Arrow reads an open file from: its pages, or ranges of one that is not local."""
    try:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):  # no descriptor, or nothing that can be mapped
        return pa.PythonFile(file, mode="r")  # type: ignore[arg-type]  # any file will do
    return pa.BufferReader(pa.py_buffer(mapped))
