"""The intake of a split: a file's rows checked, made canonical and stored as blocks.

It decodes what a user sent, so it runs in compute children alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from assay.features.datasets.canonical import CanonicalRows
from assay.features.datasets.dataset_columns import (
    DatasetColumns,
    FeatureScan,
    Kinds,
    kinds_of_types,
)
from assay.features.datasets.split_writer import PutBlob, SplitWriter
from assay.features.datasets.stored_split import BLOCK_BYTES, FeatureColumn, SplitManifest
from assay.learning.rows import TaskType
from assay.tabular.errors import ErrorLocation, bad_file
from assay.tabular.files import read_tables
from assay.tabular.opening import CSV, JSON_LINES, Expansion, OpenFile, size_of

PIECE_ROWS = 1 << 16  # made canonical at once
PIECE_BYTES = BLOCK_BYTES


@dataclass(frozen=True, kw_only=True)
class SplitFile:
    """A file of rows of one split."""

    open: OpenFile
    source: str  # a format of assay.tabular.opening
    task_type: TaskType  # of its dataset
    like: Sequence[FeatureColumn] | None = None  # of the other splits; None: there are none
    answers: bool = True  # False: rows may lack what is learned, which is to be predicted
    kinds: Kinds = field(default_factory=dict)  # of features; those of others follow from the file


def ingest_split(file: SplitFile, blobs: PutBlob) -> SplitManifest:
    """Store the rows of a file, and return their manifest.

    Raises InputError, naming row, line and column where one of them is to blame. Ids that occur
    twice far from each other are not found here.
    """
    writer: SplitWriter | None = None
    for batch in read_rows(file):
        if writer is None:
            writer = SplitWriter(file.task_type, batch.schema, blobs)
        writer.add(batch)
    assert writer is not None, "a file without rows is refused when it is read"
    return writer.finish()


def read_rows(file: SplitFile) -> Iterator[pa.RecordBatch]:
    """Yield the canonical rows of a file in batches of one schema.

    Raises InputError, naming row, line and column where one of them is to blame.
    """
    expansion = Expansion(size_of(file.open))
    columns = DatasetColumns(
        file.task_type, like=file.like, kinds=_known_kinds(file), answers=file.answers
    )
    tables = read_tables(file.open, file.source, columns)
    rows: CanonicalRows | None = None
    first_row = 0
    for table in tables.tables:
        for piece in _pieces(table):
            if rows is None:
                rows = _canonical(columns, file, piece.schema)
            location = ErrorLocation(first_row=first_row, line_of=tables.line_of)
            batch = rows.read(piece, location)
            first_row += piece.num_rows
            expansion.add(batch.nbytes, first_row)
            yield batch
    if rows is None:
        raise bad_file(tables.nothing, tables.allowed, "Send at least one row", rows=0)


def _canonical(columns: DatasetColumns, file: SplitFile, schema: pa.Schema) -> CanonicalRows:
    found = columns.found
    assert found is not None, "a reader checks the columns before it yields rows"
    kinds = _kinds_like(file) or columns.kinds or kinds_of_types(found.features, schema)
    kinds = {name: file.kinds.get(name, kinds[name]) for name in found.features}
    return CanonicalRows(found, kinds)


def _known_kinds(file: SplitFile) -> Kinds:
    """Return the kinds of a text file's features, for which all of it may have to be read."""
    if not file.task_type.is_tabular or file.source not in (CSV, JSON_LINES):
        return {}
    if file.like is not None:
        return _kinds_like(file)
    scan = FeatureScan(file.task_type, answers=file.answers)
    for _ in read_tables(file.open, file.source, scan).tables:
        if scan.is_complete:
            break
    return {**scan.every_kind(), **file.kinds}


def _kinds_like(file: SplitFile) -> Kinds:
    return {one.name: one.kind for one in file.like or ()}


def _pieces(table: pa.Table) -> Iterator[pa.Table]:
    """Yield a table in pieces of about PIECE_BYTES, and of no row none."""
    step = max(1, table.num_rows * PIECE_BYTES // max(table.nbytes, 1))
    step = min(step, PIECE_ROWS)
    for at in range(0, table.num_rows, step):
        yield table.slice(at, step)
