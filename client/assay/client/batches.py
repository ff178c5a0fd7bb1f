"""From tables to batches: self-contained Arrow IPC streams of at most 1 MiB, named by their hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assay.client.columns import ArrowColumn
from assay.client.connection import BATCH_BYTES
from assay.client.errors import BadInput

FIRST_ROWS = 1_024  # rows of the first batch; the next ones follow from its size
HEAD_ROWS = 4_096  # among which all labels are looked for first
MAX_SHOWN = 10  # columns that a message names
AIM = 0.9  # of the limit, so that uneven rows seldom need a second try


@dataclass(frozen=True, kw_only=True)
class EncodedBatch:
    """Rows as they travel."""

    first_row: int
    rows: int
    arrow: bytes
    sha256: bytes


def encode_batches(
    tables: Iterable[pa.Table], *, text_labels: bool, limit: int = BATCH_BYTES
) -> Iterator[EncodedBatch]:
    """Yield the rows of `tables` in batches of at most `limit` bytes.

    Each batch is as large as the ones before it let expect, and is cut again when it is over
    the limit; equal rows give equal batches.

    Args:
        tables: tables of one schema, in order.
        text_labels: True when y_true and y_pred are labels, which travel as dictionaries.
        limit: bytes of one batch.

    Raises:
        BadInput: one row alone is over the limit.
    """
    want, first_row = FIRST_ROWS, 0
    for block in _blocks(tables):
        start = 0
        while start < block.num_rows:
            rows = min(want, block.num_rows - start)
            arrow = _encode(block.slice(start, rows), text_labels)
            if len(arrow) > limit:
                if rows == 1:
                    raise BadInput(f"row {first_row} has {len(arrow)} bytes; at most {limit} fit.")
                want = max(1, min(rows // 2, int(rows * AIM * limit / len(arrow))))
                continue
            yield EncodedBatch(
                first_row=first_row,
                rows=rows,
                arrow=arrow,
                sha256=hashlib.sha256(arrow).digest(),
            )
            start, first_row = start + rows, first_row + rows
            want = max(1, int(rows * AIM * limit / len(arrow)))


def _blocks(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Join small tables, so that a stream of little tables makes few large batches."""
    held: list[pa.Table] = []
    for table in tables:
        held.append(table)
        if sum(one.nbytes for one in held) >= 4 * BATCH_BYTES:
            yield _joined(held)
            held = []
    if held:
        yield _joined(held)


def _joined(tables: list[pa.Table]) -> pa.Table:
    try:
        return pa.concat_tables(tables) if len(tables) > 1 else tables[0]
    except pa.ArrowInvalid as error:
        other = next(one for one in tables if one.schema != tables[0].schema)
        raise BadInput(
            f"The rows are not of one type throughout: {_shown(tables[0], other)}, and later"
            f" {_shown(other, tables[0])}."
        ) from error


def _shown(table: pa.Table, other: pa.Table) -> str:
    """Return the columns of a table, with their types, that another one does not have so."""
    theirs = list(other.schema)
    own = [field for field in table.schema if field not in theirs] or list(table.schema)
    return ", ".join(f"{field.name} is {field.type}" for field in own[:MAX_SHOWN])


def _encode(table: pa.Table, text_labels: bool) -> bytes:
    columns = {
        name: _wire(name, table.column(name).combine_chunks(), text_labels)
        for name in table.column_names
    }
    batch = pa.record_batch(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def _wire(name: str, column: ArrowColumn, text_labels: bool) -> ArrowColumn:
    if name in {"y_true", "y_pred"} and text_labels:
        return _dictionary(column)
    if name.startswith("slice:"):
        return _dictionary(column)  # rows without a value have no code
    return column


def _dictionary(column: ArrowColumn) -> ArrowColumn:
    """Return labels as a dictionary of the texts that occur, with the smallest codes."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        if pa.types.is_string_view(kind.value_type):  # few kernels know it
            plain = column.dictionary.cast(pa.string())
            column = pa.DictionaryArray.from_arrays(column.indices, plain)
            kind = column.type
        if pa.types.is_string(kind.value_type) and _is_set(column.dictionary):
            return _in_order(column)
        column, kind = column.dictionary_decode(), kind.value_type
    if pa.types.is_floating(kind) or pa.types.is_null(kind):
        return column  # the service says why it refuses these
    texts: ArrowColumn = column if pa.types.is_string(kind) else pc.cast(column, pa.string())
    encoded = texts.dictionary_encode()
    return _narrow(encoded.indices, encoded.dictionary)


def _in_order(column: ArrowColumn) -> ArrowColumn:
    """Return labels in the order in which they occur; only their codes are looked at.

    Labels that do not occur here do not travel, so that equal rows make equal batches.
    """
    head = column.indices.slice(0, HEAD_ROWS).dictionary_encode().dictionary
    if len(head) < len(column.dictionary) or column.indices.null_count:
        codes = column.indices.dictionary_encode()
        return _narrow(codes.indices, column.dictionary.take(codes.dictionary))
    places = np.empty(len(head), np.int32)  # all labels occur early: the rest changes no order
    places[head.to_numpy()] = np.arange(len(head), dtype=np.int32)
    indices = column.indices
    if (np.diff(places) != 1).any():
        indices = pa.array(places[indices.to_numpy()])
    return _narrow(indices, column.dictionary.take(head))


def _is_set(texts: ArrowColumn) -> bool:
    """Return whether no text is absent or twice among these."""
    return texts.null_count == 0 and len(texts.unique()) == len(texts)


def _narrow(codes: ArrowColumn, texts: ArrowColumn) -> ArrowColumn:
    size = len(texts)
    code = pa.int8() if size < 1 << 7 else pa.int16() if size < 1 << 15 else pa.int32()
    return pa.DictionaryArray.from_arrays(codes.cast(code), texts)
