"""Predictions in blocks of a fixed number of rows, so that a row gets the same bits in any company."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from assay.learning.model import Model
from assay.learning.predictions import (
    ClassPredictions,
    Predictions,
    ValuePredictions,
    WordPredictions,
)
from assay.learning.predictor import Predictor


def predict_blocks(predictor: Predictor, batch: pa.RecordBatch, block_rows: int) -> Predictions:
    """Return the predictions of canonical rows, each computed among `block_rows` rows.

    Sums of matrices are grouped by how many rows there are, so that a row alone gets other bits
    than one among others. Here the last block is filled up with its last row, of which nothing is
    returned. Models from elsewhere are asked once: an ONNX model has blocks of its own, and of a
    remote one the bits are its server's.

    Args:
        predictor: What predicts.
        batch: (rows,) canonical rows, one at least.
        block_rows: 1 or more.

    Raises DataError as the predictor does.
    """
    if not isinstance(predictor, Model):
        return predictor.predict(batch)
    parts = []
    for at in range(0, batch.num_rows, block_rows):
        rows = min(block_rows, batch.num_rows - at)
        block = batch.slice(at, rows)
        if rows < block_rows:
            places = np.minimum(np.arange(block_rows), rows - 1)
            block = block.take(pa.array(places.tolist(), pa.int64()))
        parts.append(_first(predictor.predict(block), rows))
    return _joined(parts)


def _first(found: Predictions, rows: int) -> Predictions:
    """Return the predictions of the first rows."""
    row_ids = found.row_ids[:rows]
    if isinstance(found, ValuePredictions):
        return ValuePredictions(row_ids=row_ids, values=found.values[:rows])
    if isinstance(found, WordPredictions):
        words = int(found.offsets[rows])
        return WordPredictions(
            row_ids=row_ids,
            labels=found.labels,
            codes=found.codes[:words],
            offsets=found.offsets[: rows + 1],
            confidences=found.confidences[:words],
            fields=found.fields[:rows],
        )
    chunks = int(np.searchsorted(found.record_of, rows))
    return ClassPredictions(
        row_ids=row_ids,
        labels=found.labels,
        probabilities=found.probabilities[:rows],
        chunk_probabilities=found.chunk_probabilities[:chunks],
        record_of=found.record_of[:chunks],
    )


def _joined(parts: Sequence[Predictions]) -> Predictions:
    """Return predictions of one kind one after the other."""
    if len(parts) == 1:
        return parts[0]
    row_ids = [row_id for part in parts for row_id in part.row_ids]
    if values := [part for part in parts if isinstance(part, ValuePredictions)]:
        return ValuePredictions(
            row_ids=row_ids, values=np.concatenate([one.values for one in values])
        )
    if words := [part for part in parts if isinstance(part, WordPredictions)]:
        lengths = np.concatenate([np.diff(one.offsets) for one in words])
        return WordPredictions(
            row_ids=row_ids,
            labels=words[0].labels,
            codes=np.concatenate([one.codes for one in words]),
            offsets=np.concatenate([[0], np.cumsum(lengths)]),
            confidences=np.concatenate([one.confidences for one in words]),
            fields=tuple(fields for one in words for fields in one.fields),
        )
    classes = [part for part in parts if isinstance(part, ClassPredictions)]
    starts = np.cumsum([0, *(len(one.row_ids) for one in classes)])
    return ClassPredictions(
        row_ids=row_ids,
        labels=classes[0].labels,
        probabilities=np.concatenate([one.probabilities for one in classes]),
        chunk_probabilities=np.concatenate([one.chunk_probabilities for one in classes]),
        record_of=np.concatenate(
            [one.record_of + start for one, start in zip(classes, starts, strict=False)]
        ).astype(np.int32),
    )
