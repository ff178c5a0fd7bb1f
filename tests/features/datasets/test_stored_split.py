"""Stored splits: canonical rows to blocks and back, cut by the rows alone."""

from __future__ import annotations

import pyarrow as pa
import pytest

from assay.features.datasets import split_writer
from assay.features.datasets.row_digests import row_digests
from assay.features.datasets.row_sizes import row_sizes
from assay.features.datasets.split_writer import SplitWriter
from assay.features.datasets.stored_split import (
    BLOCK_BYTES,
    BLOCK_ROWS,
    FeatureKind,
    Lengths,
    SplitManifest,
    read_block,
    read_blocks,
    read_digests,
    read_manifest,
)
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.storage.blobs import open_blobs
from assay.learning.rows import TaskType, canonical_schema
from assay.records import encode

TEXT = canonical_schema(TaskType.TEXT_CLASSIFICATION, group=True)
WORDS = canonical_schema(TaskType.EXTRACTION, boxes=True)
IMAGES = canonical_schema(TaskType.IMAGE_CLASSIFICATION)
TABLE = canonical_schema(
    TaskType.TABULAR_REGRESSION, [pa.field("age", pa.float64()), pa.field("town", pa.string())]
)


@pytest.fixture
def blobs(tmp_path):
    return JobBlobs(open_blobs(tmp_path), "acme")


def rows_of(schema: pa.Schema, rows: list[dict]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(rows, schema=schema)


def texts(count: int, size: int = 10) -> pa.RecordBatch:
    rows = [
        {"row_id": f"r{at}", "group": None, "pages": [f"{at}" * size, ""], "label": "ab"[at % 2]}
        for at in range(count)
    ]
    return rows_of(TEXT, rows)


def written(blobs, task_type: TaskType, schema: pa.Schema, *batches: pa.RecordBatch):
    writer = SplitWriter(task_type, schema, blobs)
    for batch in batches:
        writer.add(batch)
    return writer.finish()


@pytest.mark.parametrize(
    ("task_type", "schema", "row"),
    [
        (
            TaskType.TEXT_CLASSIFICATION,
            TEXT,
            {"row_id": "1", "group": "g", "pages": ["a", "ß"], "label": "x"},
        ),
        (TaskType.IMAGE_CLASSIFICATION, IMAGES, {"row_id": "1", "image": b"\x89", "label": "x"}),
        (
            TaskType.EXTRACTION,
            WORDS,
            {"row_id": "1", "words": ["a"], "labels": ["O"], "boxes": [[0.0, 1.0, 2.0, 3.0]]},
        ),
        (
            TaskType.TABULAR_REGRESSION,
            TABLE,
            {"row_id": "1", "age": None, "town": "Ulm", "target": 0.5},
        ),
    ],
)
def test_rows_come_back_as_they_were_written(blobs, task_type, schema, row):
    """Rows of every task type are read back with their schema, by block and one after another."""
    batch = rows_of(schema, [row])
    manifest = written(blobs, task_type, schema, batch)
    address = blobs.put(encode(manifest))
    assert read_manifest(address, blobs) == manifest
    assert manifest.schema == schema
    assert read_block(manifest, 0, blobs).equals(batch)
    assert [one.to_pylist() for one in read_blocks(manifest, blobs)] == [[row]]
    (ids,) = read_blocks(manifest, blobs, columns=("row_id",))
    assert ids.schema.names == ["row_id"]


def test_blocks_are_cut_by_rows_and_by_bytes(blobs):
    """No block has more than BLOCK_ROWS rows or BLOCK_BYTES bytes, and a large row has its own."""
    many = texts(2 * BLOCK_ROWS + 7, size=1)
    manifest = written(blobs, TaskType.TEXT_CLASSIFICATION, TEXT, many)
    assert [one.rows for one in manifest.blocks] == [BLOCK_ROWS, BLOCK_ROWS, 7]
    large = texts(5, size=BLOCK_BYTES // 3)
    manifest = written(blobs, TaskType.TEXT_CLASSIFICATION, TEXT, large)
    assert [one.rows for one in manifest.blocks] == [2, 2, 1]
    for block in read_blocks(manifest, blobs):
        assert row_sizes(block).sum() <= BLOCK_BYTES


def test_equal_rows_are_equal_bytes_however_they_came(blobs, monkeypatch):
    """The manifest of a split is the same for any cut of its rows into batches."""
    monkeypatch.setattr(split_writer, "BLOCK_ROWS", 50)
    every = texts(333)
    once = written(blobs, TaskType.TEXT_CLASSIFICATION, TEXT, every)
    parts = [every.slice(at, 7) for at in range(0, 333, 7)]
    assert written(blobs, TaskType.TEXT_CLASSIFICATION, TEXT, *parts) == once
    assert len(once.blocks) == 7


def test_the_manifest_counts_what_it_holds(blobs):
    """Rows of each class or field, missing values, ranges and lengths are in the manifest."""
    counted = written(blobs, TaskType.TEXT_CLASSIFICATION, TEXT, texts(2, 4), texts(1, 9))
    assert (counted.rows, counted.labels) == (3, {"a": 2, "b": 1})
    assert counted.lengths["characters"] == Lengths(least=4, most=9, total=17)
    words = rows_of(
        WORDS,
        [
            {"row_id": "1", "words": ["a", "b"], "labels": ["t", "t"], "boxes": None},
            {"row_id": "2", "words": ["a", "b"], "labels": ["O", "t"], "boxes": None},
            {"row_id": "3", "words": [], "labels": [], "boxes": None},
        ],
    )
    assert written(blobs, TaskType.EXTRACTION, WORDS, words).labels == {"t": 2}
    table = rows_of(
        TABLE,
        [
            {"row_id": "1", "age": None, "town": "Ulm", "target": 0.5},
            {"row_id": "2", "age": -3.0, "town": None, "target": 0.5},
            {"row_id": "3", "age": 7.0, "town": None, "target": 0.5},
        ],
    )
    age, town = written(blobs, TaskType.TABULAR_REGRESSION, TABLE, table).features
    assert (age.kind, age.missing, age.least, age.most) == (FeatureKind.NUMBER, 1, -3.0, 7.0)
    assert (town.kind, town.missing, town.least) == (FeatureKind.CATEGORY, 2, None)


def test_a_manifest_names_every_blob_that_it_needs(blobs):
    """The addresses of a manifest are those of its blocks, which hold the digests too."""
    manifest: SplitManifest = written(blobs, TaskType.TEXT_CLASSIFICATION, TEXT, texts(10))
    assert len(manifest.addresses) == 1
    (digests,) = read_digests(manifest, blobs)
    assert (digests == row_digests(TaskType.TEXT_CLASSIFICATION, texts(10))).all()


def test_a_digest_is_of_what_a_model_sees(blobs):
    """Rows that differ in id, group or label have one digest; those of other content another."""

    def digest(task_type: TaskType, schema: pa.Schema, **row: object) -> int:
        return int(row_digests(task_type, rows_of(schema, [row]))[0])

    def text(row_id: str, label: str, *pages: str) -> int:
        return digest(
            TaskType.TEXT_CLASSIFICATION,
            TEXT,
            row_id=row_id,
            group=row_id,
            pages=pages,
            label=label,
        )

    assert text("1", "a", "so", "it") == text("2", "b", "so", "it") != text("1", "a", "so", "is")

    def number(age: float | None, town: str | None, target: float = 1.0) -> int:
        return digest(
            TaskType.TABULAR_REGRESSION, TABLE, row_id="1", age=age, town=town, target=target
        )

    assert number(0.0, "Ulm") == number(-0.0, "Ulm", 2.0)
    assert len({number(0.0, "Ulm"), number(None, "Ulm"), number(0.0, None), number(0.0, "")}) == 4


def test_a_rows_size_does_not_depend_on_its_neighbours():
    """The size of a row is that of its values, also in a slice of a larger batch."""
    batch = texts(30)
    sizes = row_sizes(batch)
    for at in (0, 7, 29):
        assert row_sizes(batch.slice(at, 1))[0] == sizes[at]
        assert (row_sizes(batch.slice(at)) == sizes[at:]).all()
