"""Readers of whole files, by the format that a file is said to have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from assay.tabular.arrow_files import read_arrow_file, read_arrow_stream, read_parquet
from assay.tabular.blocks import FileBlock, blocks
from assay.tabular.chunk import Rules
from assay.tabular.csv_file import read_csv
from assay.tabular.errors import bad_file
from assay.tabular.file_columns import FileColumns, FileTables
from assay.tabular.json_lines import read_json_lines
from assay.tabular.opening import (
    ARROW_FILE,
    ARROW_STREAM,
    CSV,
    GZIP_MARK,
    JSON_LINES,
    PARQUET,
    OpenFile,
    size_of,
)
from assay.tabular.prediction_columns import PredictionColumns

Reader = Callable[[OpenFile, FileColumns], FileTables]

READERS: Mapping[str, tuple[str, Reader]] = MappingProxyType(
    {
        CSV: ("CSV", read_csv),
        JSON_LINES: ("JSON Lines", read_json_lines),
        PARQUET: ("Parquet", read_parquet),
        ARROW_STREAM: ("an Arrow stream", read_arrow_stream),
        ARROW_FILE: ("an Arrow file", read_arrow_file),
    }
)
# How other formats begin: a file that was sent as something else is told what it is.
BEGINNINGS: Mapping[bytes, str] = MappingProxyType(
    {
        b"PAR1": "Parquet",
        b"ARROW1": "an Arrow file",
        b"PK\x03\x04": "a ZIP archive",
        GZIP_MARK: "gzip",
        b"\x28\xb5\x2f\xfd": "zstd",
    }
)


def read_file(open_file: OpenFile, source: str, rules: Rules) -> Iterator[FileBlock]:
    """Yield the predictions of a file in order, in blocks that depend on nothing but the file.

    `open_file` may be called more than once; `source` is a key of READERS. Raises InputError when
    the file is not what it is said to be, naming row and column when its rows break a rule, or
    when it unpacks to far more than its size.
    """
    return blocks(
        read_tables(open_file, source, PredictionColumns(rules)), size_of(open_file), rules
    )


def read_tables(open_file: OpenFile, source: str, columns: FileColumns) -> FileTables:
    """Return the file's rows as tables of these columns; arguments and errors as of `read_file`."""
    name, reader = READERS[source]
    with open_file() as file:
        start = file.read(8)
    if not start:
        raise bad_file("The file is empty", f"it was sent as {name}", "Send at least one row")
    found = next((is_ for mark, is_ in BEGINNINGS.items() if start.startswith(mark)), None)
    if found == "gzip" and source in (CSV, JSON_LINES):
        found = None  # text is unpacked as it is read
    if found not in (None, name):
        raise bad_file(
            f"The file is {found}",
            f"it was sent as {name}",
            "Unpack archives, and name the format that the file has",
        )
    if found is None and name in BEGINNINGS.values():
        raise bad_file(
            f"The file does not begin like {name}",
            f"it was sent as {name}",
            "Name the format that the file has",
        )
    return reader(open_file, columns)
