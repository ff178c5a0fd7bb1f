"""The writer of a stored split: canonical rows in, blocks and what is counted of them out."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assay.features.datasets.row_digests import row_digests
from assay.features.datasets.row_lengths import row_lengths
from assay.features.datasets.row_sizes import Column, Sizes, row_sizes
from assay.features.datasets.stored_split import (
    BLOCK_BYTES,
    BLOCK_ROWS,
    DIGEST,
    FeatureColumn,
    FeatureKind,
    Lengths,
    SplitManifest,
    StoredBlock,
)
from assay.learning.rows import (
    BOXES,
    GROUP,
    LABEL,
    LABELS,
    NUMBER,
    OUTSIDE,
    TaskType,
    features_of,
)
from assay.tabular.arrays import from_numbers, numbers


class PutBlob(Protocol):
    """Where blocks go."""

    def put(self, data: bytes) -> str:
        """Store bytes and return their address."""
        ...


class SplitWriter:
    """Takes batches of canonical rows of one schema in order, and holds a block of them at most."""

    def __init__(self, task_type: TaskType, schema: pa.Schema, blobs: PutBlob) -> None:
        self._task_type = task_type
        self._schema = schema
        self._stored = schema.append(DIGEST)
        self._blobs = blobs
        self._held: list[pa.RecordBatch] = []
        self._held_rows = self._held_bytes = 0
        self._blocks: list[StoredBlock] = []
        self._counts = _Counts(task_type, schema)

    def add(self, batch: pa.RecordBatch) -> None:
        """Take the next rows."""
        self._counts.add(batch)
        sizes = row_sizes(batch)
        digests = row_digests(self._task_type, batch)
        words = pa.Array.from_buffers(
            DIGEST.type, len(digests), [None, pa.py_buffer(digests.tobytes())]
        )
        stored = pa.RecordBatch.from_arrays([*batch.columns, words], schema=self._stored)
        at = 0
        while at < batch.num_rows:
            end = self._fitting(sizes, at)
            if end == at:
                self._write_block()
                continue
            self._held.append(stored.slice(at, end - at))
            self._held_rows += end - at
            self._held_bytes += int(sizes[at:end].sum())
            at = end

    def finish(self) -> SplitManifest:
        """Write what is held, and return the manifest."""
        if self._held:
            self._write_block()
        return SplitManifest(
            task_type=self._task_type,
            rows=self._counts.rows,
            features=self._counts.features(),
            has_groups=GROUP in self._schema.names,
            has_boxes=BOXES in self._schema.names,
            labels=dict(sorted(self._counts.labels.items())),
            lengths=self._counts.lengths,
            blocks=tuple(self._blocks),
        )

    def _fitting(self, sizes: Sizes, at: int) -> int:
        """Return where the block in hand ends in a batch; the first row of a block always fits."""
        room = BLOCK_ROWS - self._held_rows
        ends = np.cumsum(sizes[at : at + room])
        count = int(np.searchsorted(ends, BLOCK_BYTES - self._held_bytes, side="right"))
        return at + (count if count or self._held_rows else min(1, room))

    def _write_block(self) -> None:
        held = pa.Table.from_batches(self._held, self._stored).combine_chunks()
        # Taken row by row: what is left of a slice's buffers would be bytes that are no value.
        every = from_numbers(np.arange(held.num_rows))
        (batch,) = held.take(every).combine_chunks().to_batches()
        sink = pa.BufferOutputStream()
        options = pa.ipc.IpcWriteOptions(compression="zstd", use_threads=False)
        with pa.ipc.new_stream(sink, self._stored, options=options) as writer:
            writer.write_batch(batch)
        data = sink.getvalue().to_pybytes()
        stored = StoredBlock(blob=self._blobs.put(data), rows=batch.num_rows, bytes=len(data))
        self._blocks.append(stored)
        self._held, self._held_rows, self._held_bytes = [], 0, 0


class _Counts:
    """What a manifest says of the rows, added up batch by batch."""

    def __init__(self, task_type: TaskType, schema: pa.Schema) -> None:
        self.rows = 0
        self.labels: Counter[str] = Counter()
        self.lengths: dict[str, Lengths] = {}
        self._task_type = task_type
        self._features = {
            field.name: FeatureColumn(
                name=field.name,
                kind=FeatureKind.NUMBER if field.type == NUMBER else FeatureKind.CATEGORY,
                missing=0,
            )
            for field in (features_of(schema) if task_type.is_tabular else ())
        }

    def features(self) -> tuple[FeatureColumn, ...]:
        """Return the features with what is known of their values."""
        return tuple(self._features.values())

    def add(self, batch: pa.RecordBatch) -> None:
        """Count the rows of a batch."""
        self.rows += batch.num_rows
        if self._task_type is TaskType.EXTRACTION:
            self._count(_fields_of_rows(batch.column(LABELS)))
        elif self._task_type.has_label:
            self._count(batch.column(LABEL))
        for name, known in self._features.items():
            self._features[name] = _with_values(known, batch.column(name))
        for unit, sizes in row_lengths(self._task_type, batch).items():
            if len(sizes):
                self.lengths[unit] = _with_sizes(self.lengths.get(unit), sizes)

    def _count(self, labels: Column) -> None:
        counted: Column = pc.value_counts(labels)
        for pair in counted.to_pylist():
            self.labels[pair["values"]] += pair["counts"]


def _fields_of_rows(labels: Column) -> Column:
    """Return the fields of each row, each of them once."""
    table = pa.table({"row": pc.list_parent_indices(labels), "label": pc.list_flatten(labels)})
    found: Column = table.group_by(["row", "label"]).aggregate([]).column("label").combine_chunks()
    return found.filter(pc.not_equal(found, pa.scalar(OUTSIDE)))


def _with_values(known: FeatureColumn, column: Column) -> FeatureColumn:
    missing = known.missing + column.null_count
    least, most = known.least, known.most
    if known.kind is FeatureKind.NUMBER and column.null_count < len(column):
        values = numbers(column.drop_null())
        low, high = float(values.min()), float(values.max())
        least = low if least is None else min(least, low)
        most = high if most is None else max(most, high)
    return FeatureColumn(name=known.name, kind=known.kind, missing=missing, least=least, most=most)


def _with_sizes(known: Lengths | None, sizes: Sizes) -> Lengths:
    found = Lengths(least=int(sizes.min()), most=int(sizes.max()), total=int(sizes.sum()))
    if known is None:
        return found
    return Lengths(
        least=min(known.least, found.least),
        most=max(known.most, found.most),
        total=known.total + found.total,
    )
