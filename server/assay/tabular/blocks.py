"""Blocks of validated rows, which every file becomes, and the same rows as chunks to store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assay.tabular.arrays import numbers
from assay.tabular.arrow import encode
from assay.tabular.chunk import Chunk, Rules
from assay.tabular.errors import ErrorLocation, InputError, bad_file
from assay.tabular.file_columns import FileTables
from assay.tabular.opening import Expansion
from assay.tabular.table import chunk_from_table

CHUNK_BYTES = 1 << 20
MOST_ROWS = 1 << 17  # of one block: what is computed of a row may be larger than the row
MOST_DICTIONARY_BYTES = 1 << 16  # a larger one is not repeated in each block


@dataclass(frozen=True, kw_only=True)
class FileBlock:
    """Rows of a file, validated, and the same rows as a chunk to be stored."""

    chunk: Chunk
    encoded: bytes  # one Arrow IPC stream of about 1 MiB at most


@dataclass(frozen=True, kw_only=True)
class KeptRows(ErrorLocation):
    """Where rows stand in a file of which others were left out."""

    rows: NDArray[np.int64]  # the number of each in the file

    def bad_value(
        self, index: int, column: str, sent: str, allowed: str, way_out: str, *, count: int = 1
    ) -> InputError:
        """Return the error of the value at `index` of the block (and `count` - 1 more)."""
        here = ErrorLocation(first_row=int(self.rows[index]), line_of=self.line_of)
        return here.bad_value(0, column, sent, allowed, way_out, count=count)


def blocks(file: FileTables, size: int, rules: Rules) -> Iterator[FileBlock]:
    """Yield the rows of a file's tables in order, as blocks of at most CHUNK_BYTES or so.

    `size` is the file's, in bytes. Raises InputError naming row and column, InputError for no rows at all, and InputError when
    a small file unpacks to far more rows than it can honestly hold.
    """
    expansion = Expansion(size)
    first_row = 0
    for table in _gathered(file.tables):
        for piece in _pieces(table):
            location = ErrorLocation(first_row=first_row, line_of=file.line_of)
            if file.is_numbered:
                location = KeptRows(first_row=first_row, line_of=file.line_of, rows=_last(piece))
                piece = piece.remove_column(piece.num_columns - 1)  # noqa: PLW2901  # without numbers
            chunk = chunk_from_table(piece, rules, location)
            encoded = encode(piece)
            yield FileBlock(chunk=chunk, encoded=encoded)
            first_row += piece.num_rows
            expansion.add(len(encoded), first_row)
    if first_row == 0:
        raise bad_file(file.nothing, file.allowed, "Send at least one row", rows=0)


def lean(batch: pa.RecordBatch) -> pa.Table:
    """Return a batch as a table whose pieces cost what their rows do.

    Large dictionaries and shared string buffers would be written with every piece of it.
    """
    return pa.Table.from_arrays(
        [_lean(column) for column in batch.columns], names=batch.schema.names
    )


def _lean(column: pa.Array[Any]) -> pa.Array[Any]:
    if isinstance(column, pa.DictionaryArray):
        if column.dictionary.nbytes > MOST_DICTIONARY_BYTES:
            return _lean(column.dictionary_decode())
    elif pa.types.is_string_view(column.type):
        return pc.cast(column, pa.large_string())
    return column


def _last(piece: pa.Table) -> NDArray[np.int64]:
    found: NDArray[np.int64] = numbers(piece.column(piece.num_columns - 1))
    return found


def _gathered(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Yield small tables together: each block becomes a file of its own."""
    held: list[pa.Table] = []
    size = 0
    for table in tables:
        held.append(table)
        size += table.nbytes
        if size >= CHUNK_BYTES:
            yield _joined(held)
            held, size = [], 0
    if held:
        yield _joined(held)


def _joined(tables: list[pa.Table]) -> pa.Table:
    if len(tables) == 1:
        return tables[0]
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()


def _pieces(table: pa.Table) -> Iterator[pa.Table]:
    """Yield the table in pieces whose buffers are about CHUNK_BYTES or less."""
    step = max(1, table.num_rows * CHUNK_BYTES // max(table.nbytes, 1))
    step = min(step, MOST_ROWS)
    for at in range(0, table.num_rows, step):
        yield table.slice(at, step)
