"""Extraction rows for tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from assay.learning.rows import TaskType, canonical_schema

Lists = Sequence[Sequence[Any] | None]


def word_batch(
    words: Lists, labels: Lists | None = None, boxes: Lists | None = None
) -> pa.RecordBatch:
    """Return canonical rows "row-0", "row-1", …; without `labels` every word is outside."""
    schema = canonical_schema(TaskType.EXTRACTION, boxes=boxes is not None)
    columns: list[Any] = [
        [f"row-{number}" for number in range(len(words))],
        words,
        labels if labels is not None else [["O"] * len(row or ()) for row in words],
    ]
    if boxes is not None:
        columns.append(boxes)
    arrays = [
        pa.array(column, type=field.type) for column, field in zip(columns, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, names=schema.names)
