"""Arrow IPC streams and files of any size, and Parquet: read batch by batch.

As for chunks, damage may crash the decoder, so this runs in compute children alone.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from assay.tabular.arrow import END_MARK, first_line
from assay.tabular.blocks import lean
from assay.tabular.chunk import MAX_COLUMNS
from assay.tabular.errors import bad_file
from assay.tabular.file_columns import FileColumns, FileTables
from assay.tabular.opening import OpenFile, arrow_source, size_of
from assay.tabular.roles import refuse_too_many

STREAM = "an Arrow stream is the IPC streaming format, with its end mark"
FILE = "an Arrow file is the IPC file format (Feather 2)"
PARQUET = "a Parquet file has one row of flat columns per prediction"
WAY_OUT = "Write the file again with an Arrow library and send it whole"

BATCH_CELLS = 1 << 20  # values of a Parquet batch, which is decoded at once
BATCH_ROWS = 1 << 16
MOST_SCHEMA_BYTES = 1 << 24  # of Arrow: more than a kilobyte for each of the columns allowed
MOST_FOOTER_BYTES = 1 << 26  # 3 000 columns in 200 row groups take about 60 MB

_MAGIC = b"ARROW1\0\0"  # the first bytes of an Arrow file; its schema follows, as in a stream
_GOES_ON = b"\xff\xff\xff\xff"  # the first bytes of a message; the size of its head follows


def read_arrow_stream(open_file: OpenFile, columns: FileColumns) -> FileTables:
    """Return the rows of an Arrow IPC stream. Raises InputError."""
    with open_file() as file:
        file.seek(-min(len(END_MARK), size_of(open_file)), io.SEEK_END)
        if file.read() != END_MARK:
            # Arrow takes the end of the file for the end of the stream: rows could be missing.
            raise bad_file("The file ends before an Arrow stream does", STREAM, WAY_OUT)
        _check_schema(file, 0)

    def tables() -> Iterator[pa.Table]:
        with open_file() as file, pa.ipc.open_stream(arrow_source(file)) as reader:
            yield from _checked(iter(reader), reader.schema, columns)

    return FileTables(tables=_guarded(tables, STREAM), allowed=STREAM)


def read_arrow_file(open_file: OpenFile, columns: FileColumns) -> FileTables:
    """Return the rows of an Arrow IPC file. Raises InputError."""
    with open_file() as file:
        _check_schema(file, len(_MAGIC))

    def tables() -> Iterator[pa.Table]:
        with open_file() as file, pa.ipc.open_file(arrow_source(file)) as reader:
            batches = (reader.get_batch(at) for at in range(reader.num_record_batches))
            yield from _checked(batches, reader.schema, columns)

    return FileTables(tables=_guarded(tables, FILE), allowed=FILE)


def read_parquet(open_file: OpenFile, columns: FileColumns) -> FileTables:
    """Return the rows of a Parquet file. Raises InputError."""
    _check_footer(open_file)

    def tables() -> Iterator[pa.Table]:
        with open_file() as file, pq.ParquetFile(file, pre_buffer=False) as opened:
            schema = opened.schema_arrow
            refuse_too_many(opened.metadata.num_columns)
            columns.check(schema.names)
            rows = _batch_rows(opened.metadata, columns.batch_bytes)
        # Strings are most often labels here: their dictionaries are kept as they are stored.
        coded = columns.coded(schema)
        with (
            open_file() as file,
            pq.ParquetFile(
                file, pre_buffer=False, buffer_size=1 << 20, read_dictionary=coded
            ) as opened,
        ):
            batches = opened.iter_batches(batch_size=rows, use_threads=False)
            yield from _checked(batches, schema, columns)

    return FileTables(tables=_guarded(tables, PARQUET), allowed=PARQUET)


def _batch_rows(metadata: pq.FileMetaData, batch_bytes: int) -> int:
    """Return how many rows are decoded at once: rows of pictures or pages are large."""
    rows = min(BATCH_ROWS, max(1, BATCH_CELLS // max(metadata.num_columns, 1)))
    groups = (metadata.row_group(at) for at in range(metadata.num_row_groups))
    largest = max((one.total_byte_size // max(one.num_rows, 1) for one in groups), default=0)
    return max(1, min(rows, batch_bytes // max(largest, 1)))


def _checked(
    batches: Iterator[pa.RecordBatch], schema: pa.Schema, columns: FileColumns
) -> Iterator[pa.Table]:
    columns.check(schema.names)  # wrong columns are told before anything is decoded
    for batch in batches:
        batch.validate(full=True)
        yield lean(batch)


def _guarded(tables: Callable[[], Iterator[pa.Table]], allowed: str) -> Iterator[pa.Table]:
    """Yield tables, and tell what the decoder cannot read as InputError."""
    try:
        yield from tables()
    except MemoryError:  # Arrow's own is one of its exceptions too
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise bad_file(
            f"The file cannot be read ({first_line(error)})", allowed, WAY_OUT
        ) from error


def _check_schema(file: BinaryIO, at: int) -> None:
    """Refuse a schema whose mere decoding would take a child's memory; Arrow aborts then."""
    file.seek(at)
    head = file.read(8)
    size = int.from_bytes(head[4:], "little")
    if head[:4] == _GOES_ON and size > MOST_SCHEMA_BYTES:
        raise bad_file(
            f"The schema has {size} bytes",
            f"at most {MOST_SCHEMA_BYTES} are allowed, and at most {MAX_COLUMNS} columns",
            "Write fewer columns, or shorter names",
            bytes=size,
        )


def _check_footer(open_file: OpenFile) -> None:
    """Refuse a Parquet file without an end, or with an absurd description of its columns."""
    with open_file() as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(-min(size, 8), io.SEEK_END)
        tail = file.read(8)
    if size < 12 or tail[4:] != b"PAR1":
        raise bad_file("The file ends before Parquet does", PARQUET, WAY_OUT, bytes=size)
    footer = int.from_bytes(tail[:4], "little")
    if footer > min(size, MOST_FOOTER_BYTES):
        raise bad_file(
            f"The footer has {footer} bytes",
            f"at most {MOST_FOOTER_BYTES} are allowed, and at most {MAX_COLUMNS} columns",
            "Write fewer columns, or fewer and larger row groups",
            bytes=footer,
        )
