"""Rows of a file, read as a stream: CSV, Parquet or Arrow; never whole in memory."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from assay.client.columns import ArrowColumn, Source
from assay.client.errors import BadInput

BLOCK_BYTES = 1 << 20
KNOWN = "CSV (.csv), Parquet (.parquet) and Arrow (.arrow, .arrows, .feather)"


def from_file(path: Path, *, numeric_targets: bool) -> Source:
    """Return the rows of a file.

    Args:
        path: the file; its ending tells the format.
        numeric_targets: True for a regression, whose y_true and y_pred are numbers in a CSV;
            otherwise they are read as text, so that the label 007 stays 007.

    Raises:
        BadInput: the file is absent, of another format, or cannot be read; while rows are
            read also when a value of a number column is no number.
    """
    if not path.is_file():
        raise BadInput(f"There is no file {path}.")
    kind = path.suffix.lower()
    if kind == ".csv":
        return Source(tables=_csv(path, numeric_targets), rows=None)
    try:
        if kind in {".parquet", ".pq"}:
            file = pyarrow.parquet.ParquetFile(path)
            return Source(tables=_tables(file.iter_batches()), rows=file.metadata.num_rows)
        if kind in {".arrow", ".feather"}:
            opened = pa.ipc.open_file(pa.memory_map(str(path)))
            batches = (opened.get_batch(at) for at in range(opened.num_record_batches))
            return Source(tables=_tables(batches), rows=None)
        if kind == ".arrows":
            return Source(tables=_stream(path), rows=None)
    except pa.ArrowException as error:
        raise BadInput(f"{path} cannot be read: {_first_line(error)}") from error
    raise BadInput(f"{path} is of a format that is not read; allowed are {KNOWN}.")


def _tables(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    for batch in batches:
        yield pa.Table.from_batches([batch])


def _stream(path: Path) -> Iterator[pa.Table]:
    try:
        with path.open("rb") as file:
            yield from _tables(iter(pa.ipc.open_stream(file)))
    except pa.ArrowException as error:
        raise BadInput(f"{path} cannot be read: {_first_line(error)}") from error


def _csv(path: Path, numeric_targets: bool) -> Iterator[pa.Table]:
    names = _header(path)
    numbers = {name for name in names if name == "score" or name.startswith("score:")}
    numbers |= {"weight"} & set(names)
    if numeric_targets:
        numbers |= {"y_true", "y_pred"}
    try:
        # Everything is read as text first: a type inferred from the first block would make
        # the label 007 a 7, and a later block disagree.
        reader = pyarrow.csv.open_csv(
            path,
            read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types={name: pa.string() for name in names},
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        row = 0
        for batch in reader:
            table = pa.Table.from_batches([batch])
            yield _with_numbers(table, numbers, row)
            row += table.num_rows
    except pa.ArrowException as error:
        raise BadInput(f"{path} cannot be read as CSV: {_first_line(error)}") from error


def _header(path: Path) -> list[str]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            names = next(csv.reader(file), [])
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{path} is not UTF-8 ({error.reason}); export it again as UTF-8."
        ) from error
    if not names:
        raise BadInput(f"{path} is empty; a CSV file has a header and at least one row.")
    return names


def _with_numbers(table: pa.Table, numbers: set[str], first_row: int) -> pa.Table:
    for at, name in enumerate(table.column_names):
        if name.startswith("slice:"):
            continue  # a field without a character is no value, as the service reads it
        sent: ArrowColumn = table.column(at)
        column: ArrowColumn = sent.fill_null("")
        if name in numbers:
            try:
                column = column.cast(pa.float64())
            except pa.ArrowInvalid as error:
                row, text = _first_bad(column)
                raise BadInput(
                    f"row {first_row + row}, column {name}: the text '{text}' is no number."
                    " Write it with a decimal point, as in 0.25."
                ) from error
        table = table.set_column(at, name, column)
    return table


def _first_bad(column: ArrowColumn) -> tuple[int, str]:
    for row, text in enumerate(column.to_pylist()):
        try:
            pa.scalar(text).cast(pa.float64())
        except pa.ArrowInvalid:
            return row, str(text)[:100]
    return 0, ""


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:300]
