"""Probabilities of classes: of chunks, reduced to their records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.learning.calibration import Calibration
from assay.learning.predictions import ClassPredictions, Codes, Floats


def softmax(outputs: NDArray[Any]) -> NDArray[Any]:
    """Return (rows, classes) probabilities, in the type of the outputs."""
    found: NDArray[Any] = outputs - outputs.max(axis=1, keepdims=True, initial=-np.inf)
    np.exp(found, out=found)
    found /= found.sum(axis=1, keepdims=True)
    return found


def class_predictions(
    labels: tuple[str, ...],
    probabilities: Floats,
    row_ids: Sequence[str],
    record_of: Codes,
    calibration: Calibration | None = None,
) -> ClassPredictions:
    """Return the predictions of records.

    Args:
        labels: The classes.
        probabilities: (chunks, classes), not calibrated.
        row_ids: Of the records.
        record_of: (chunks,), the number of each chunk's record, rising.
        calibration: Applied to chunks, and to the records' means.
    """
    records = record_means(probabilities, record_of, len(row_ids))
    if calibration is not None:
        records = calibration.records.apply(records)
        probabilities = calibration.chunks.apply(probabilities)
    return ClassPredictions(
        row_ids=tuple(row_ids),
        labels=labels,
        probabilities=records,
        chunk_probabilities=probabilities,
        record_of=record_of,
    )


def record_means(probabilities: Floats, record_of: Codes, records: int) -> Floats:
    """Return (records, classes) means over each record's chunks, of which it has at least one."""
    counts = np.bincount(record_of, minlength=records)
    if len(probabilities) == records:
        return probabilities.copy()
    starts = np.cumsum(counts) - counts
    means: Floats = np.add.reduceat(probabilities, starts, axis=0) / counts[:, np.newaxis]
    return means
