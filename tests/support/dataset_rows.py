"""Rows of datasets as files, and splits that are stored without a service."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from assay.features.datasets.split_writer import PutBlob, SplitWriter
from assay.features.datasets.stored_split import SplitBlobs, SplitManifest, read_blocks
from assay.learning.rows import TaskType, canonical_schema

TEXT = canonical_schema(TaskType.TEXT_CLASSIFICATION, group=True)


def json_lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return rows as a file of JSON Lines."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def text_row(number: int, *, label: str | None = None, group: str | None = None) -> dict[str, Any]:
    """Return a row of text classification in which nothing is that of another number."""
    return {
        "row_id": f"r{number}",
        "group": group,
        "pages": [f"text number {number}"],
        "label": label or "ab"[number % 2],
    }


def stored_texts(rows: Iterable[Mapping[str, Any]], blobs: PutBlob) -> SplitManifest:
    """Store rows of text classification."""
    writer = SplitWriter(TaskType.TEXT_CLASSIFICATION, TEXT, blobs)
    writer.add(pa.RecordBatch.from_pylist([dict(row) for row in rows], schema=TEXT))
    return writer.finish()


def rows_of(manifest: SplitManifest, blobs: SplitBlobs) -> list[dict[str, Any]]:
    """Return the rows of a stored split."""
    return [row for block in read_blocks(manifest, blobs) for row in block.to_pylist()]
