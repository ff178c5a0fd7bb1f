"""Probabilities of classes: of chunks, reduced to their records."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.learning.calibration import Calibration
from assay.learning.feature_block import FeatureBlock
from assay.learning.predictions import ClassPredictions, Floats


def softmax(outputs: NDArray[Any]) -> NDArray[Any]:
    """Return (rows, classes) probabilities, in the type of the outputs."""
    found: NDArray[Any] = outputs - outputs.max(axis=1, keepdims=True, initial=-np.inf)
    np.exp(found, out=found)
    found /= found.sum(axis=1, keepdims=True)
    return found


def class_predictions(
    labels: tuple[str, ...],
    probabilities: Floats,
    block: FeatureBlock,
    calibration: Calibration | None = None,
) -> ClassPredictions:
    """Return the predictions of a block.

    Args:
        labels: The classes.
        probabilities: (chunks, classes), not calibrated.
        block: Whose chunks they are of.
        calibration: Applied to chunks, and to the records' means.
    """
    records = record_means(probabilities, block)
    if calibration is not None:
        records = calibration.records.apply(records)
        probabilities = calibration.chunks.apply(probabilities)
    return ClassPredictions(
        row_ids=tuple(block.row_ids),
        labels=labels,
        probabilities=records,
        chunk_probabilities=probabilities,
        record_of=block.record_of,
    )


def record_means(probabilities: Floats, block: FeatureBlock) -> Floats:
    """Return (records, classes) means over each record's chunks, of which it has at least one."""
    counts = np.bincount(block.record_of, minlength=block.records)
    if len(probabilities) == block.records:
        return probabilities.copy()
    starts = np.cumsum(counts) - counts
    means: Floats = np.add.reduceat(probabilities, starts, axis=0) / counts[:, np.newaxis]
    return means
