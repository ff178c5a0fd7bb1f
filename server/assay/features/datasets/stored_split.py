"""Stored splits: a manifest that names blocks of canonical rows, each read by itself.

A block is one record batch in an Arrow IPC stream, packed by zstd, of at most BLOCK_ROWS rows and
BLOCK_BYTES bytes of values. Where blocks are cut follows from the rows alone, so that equal rows
are equal bytes, from whatever format of file they came.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Protocol, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assay.kernel.storage.blobs import BlobView
from assay.learning.rows import CATEGORY, NUMBER, TaskType, canonical_schema
from assay.records import Record, decode
from assay.tabular.arrays import numbers

BLOCK_BYTES = 8 << 20  # of the values of a block; a single row has no more
BLOCK_ROWS = 50_000


class SplitBlobs(Protocol):
    """The blobs that a split is read from, by address."""

    def read(self, address: str) -> bytes:
        """Return a blob's bytes."""
        ...

    def view(self, address: str) -> BlobView:
        """Return a whole blob as a buffer."""
        ...


# The digest of what a row holds beside id, group and answer: the last column of a block, by which
# equal rows of two splits are found. It is no part of the canonical rows.
DIGEST = pa.field("", pa.uint64(), nullable=False)


class FeatureKind(StrEnum):
    """What the values of a feature are."""

    NUMBER = "number"
    CATEGORY = "category"


class FeatureColumn(Record):
    """A feature of tabular rows."""

    name: str  # of its column
    kind: FeatureKind  # what its values are
    missing: int  # rows without a value
    least: float | None = None  # of a number; None: a category, or no row has a value
    most: float | None = None  # as `least`


class Lengths(Record):
    """How long, or how large, something is in the rows of a split."""

    least: int
    most: int
    total: int


class StoredBlock(Record):
    """A block of rows."""

    blob: str  # address
    rows: int  # how many
    bytes: int  # of the blob


class SplitManifest(Record):
    """Everything that is known of a split but its rows; a blob of its own."""

    task_type: TaskType  # of its dataset
    rows: int  # how many there are
    features: tuple[FeatureColumn, ...] = ()  # in the order of the columns
    has_groups: bool = False  # whether rows have a group
    has_boxes: bool = False  # whether words have boxes
    labels: Mapping[str, int] = {}  # rows of each class; of extraction, rows that have the field
    lengths: Mapping[str, Lengths] = {}  # by unit: characters, pages, words, pixels, bytes
    blocks: tuple[StoredBlock, ...]  # in the order of the rows

    @property
    def schema(self) -> pa.Schema:
        """The schema of its rows."""
        kinds = {FeatureKind.NUMBER: NUMBER, FeatureKind.CATEGORY: CATEGORY}
        return canonical_schema(
            self.task_type,
            [pa.field(one.name, kinds[one.kind]) for one in self.features],
            group=self.has_groups,
            boxes=self.has_boxes,
        )

    @property
    def addresses(self) -> tuple[str, ...]:
        """The blobs that it names."""
        return tuple(one.blob for one in self.blocks)


def read_manifest(address: str, blobs: SplitBlobs) -> SplitManifest:
    """Return the manifest that an address names."""
    return decode(SplitManifest, blobs.read(address))


def read_block(
    manifest: SplitManifest, number: int, blobs: SplitBlobs, *, columns: tuple[str, ...] = ()
) -> pa.RecordBatch:
    """Return the rows of block `number`, from 0: all columns, or those of `columns` alone."""
    schema = manifest.schema
    wanted = sorted(schema.get_field_index(name) for name in columns)
    return _read(manifest.blocks[number], wanted or list(range(len(schema))), blobs)


def read_blocks(
    manifest: SplitManifest, blobs: SplitBlobs, *, columns: tuple[str, ...] = ()
) -> Iterator[pa.RecordBatch]:
    """Yield the blocks of a split in order, as `read_block`; one at a time is in memory."""
    for number in range(len(manifest.blocks)):
        yield read_block(manifest, number, blobs, columns=columns)


def read_digests(manifest: SplitManifest, blobs: SplitBlobs) -> Iterator[NDArray[np.uint64]]:
    """Yield the digests of each block's rows, (rows,), in order."""
    last = len(manifest.schema)
    for block in manifest.blocks:
        found: NDArray[np.uint64] = numbers(_read(block, [last], blobs).column(0))
        yield found


def _read(block: StoredBlock, fields: list[int], blobs: SplitBlobs) -> pa.RecordBatch:
    data = pa.py_buffer(cast(bytes, blobs.view(block.blob)))
    options = pa.ipc.IpcReadOptions(included_fields=fields, use_threads=False)
    with pa.ipc.open_stream(data, options=options) as reader:
        return reader.read_next_batch()
