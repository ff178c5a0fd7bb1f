"""Formats and opening of the files that are read: local files and blobs of any store alike."""

from __future__ import annotations

import io
import mmap
from collections.abc import Callable
from typing import BinaryIO

import pyarrow as pa

CSV = "csv"
JSON_LINES = "json_lines"
PARQUET = "parquet"
ARROW_STREAM = "arrow_stream"
ARROW_FILE = "arrow_file"

OpenFile = Callable[[], BinaryIO]  # opens the same file at its start, seekable, at each call


def size_of(open_file: OpenFile) -> int:
    """Return the size of a file in bytes."""
    with open_file() as file:
        return file.seek(0, io.SEEK_END)


def arrow_source(file: BinaryIO) -> pa.NativeFile:
    """Return what Arrow reads an open file from: its pages, or ranges of one that is not local."""
    try:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):  # no descriptor, or nothing that can be mapped
        return pa.PythonFile(file, mode="r")  # type: ignore[arg-type]  # any file will do
    return pa.BufferReader(pa.py_buffer(mapped))
