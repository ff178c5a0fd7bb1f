"""The fit of Platt's sigmoids to predictions of rows that no model was trained on.

For each class the slope and intercept minimize the cross-entropy of its sigmoid against smoothed
targets: (n + 1) / (n + 2) for the n rows of the class and 1 / (m + 2) for the m others (Platt,
1999), as scikit-learn's sigmoid calibration does on log-odds. A class without held-out rows, or
with nothing else, keeps its probabilities before they are scaled to a sum of 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assay.learning.artifact import Artifact
from assay.learning.calibration import Calibration, Sigmoids, log_odds
from assay.learning.errors import DataError
from assay.learning.feature_block import UNKNOWN, FeatureBlock
from assay.learning.predictions import ClassPredictions

KIND = "held_out"
MAX_ROWS = 50_000  # records, and chunks: of more, every k-th one
_STEPS = 100
_CLOSE = 1e-10

Floats = NDArray[np.float64]


def held_out(predictions: ClassPredictions, block: FeatureBlock) -> Artifact:
    """Return what `fit` needs of a block: predictions that are not calibrated, and the classes."""
    first = np.searchsorted(block.record_of, np.arange(block.records))
    return Artifact(
        kind=KIND,
        arrays={
            "records": predictions.probabilities,
            "records.targets": block.targets[first],
            "chunks": predictions.chunk_probabilities,
            "chunks.targets": block.targets,
        },
    )


def fit(parts: Sequence[Artifact], *, most_rows: int = MAX_ROWS) -> Calibration:
    """Return the calibration of held-out rows, given in the order of their split.

    Raises DataError when no held-out row has a class of the model.
    """
    return Calibration(
        records=_sigmoids(parts, "records", most_rows), chunks=_sigmoids(parts, "chunks", most_rows)
    )


def _sigmoids(parts: Sequence[Artifact], name: str, most_rows: int) -> Sigmoids:
    total = sum(len(part.arrays[name]) for part in parts)
    stride = max(1, -(-total // most_rows))
    probabilities, targets, at = [], [], 0
    for part in parts:
        taken = slice(-at % stride, None, stride)
        probabilities.append(part.arrays[name][taken])
        targets.append(part.arrays[f"{name}.targets"][taken])
        at += len(part.arrays[name])
    found = np.concatenate(targets) if targets else np.empty(0, np.int32)
    known = np.flatnonzero(found != UNKNOWN)
    if not len(known):
        raise DataError("calibration needs held-out rows of the model's classes; there are none")
    scores, classes = log_odds(np.concatenate(probabilities)[known]), found[known]
    fitted = [sigmoid(column, classes == code) for code, column in enumerate(scores.T)]
    return Sigmoids(
        slopes=np.array([slope for slope, _ in fitted]),
        intercepts=np.array([intercept for _, intercept in fitted]),
    )


def sigmoid(scores: Floats, positive: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the slope and intercept of one class, by Newton's method with halved steps."""
    count = int(positive.sum())
    rest = len(positive) - count
    if not count or not rest:
        return 1.0, 0.0
    targets = np.where(positive, (count + 1) / (count + 2), 1 / (rest + 2))
    design = np.column_stack([scores, np.ones(len(scores))])
    found = np.array([0.0, np.log((count + 1) / (rest + 1))])
    loss = _loss(design @ found, targets)
    for _ in range(_STEPS):
        chance = 0.5 * (1 + np.tanh(0.5 * (design @ found)))
        gradient = design.T @ (chance - targets)
        spread = np.maximum(chance * (1 - chance), 1e-12)
        curvature = design.T @ (design * spread[:, np.newaxis]) + 1e-9 * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        size = 1.0
        while (ahead := _loss(design @ (found - size * step), targets)) > loss and size > _CLOSE:
            size /= 2
        if ahead > loss:
            break
        found, change, loss = found - size * step, loss - ahead, ahead
        if change <= _CLOSE * loss:
            break
    return float(found[0]), float(found[1])


def _loss(odds: Floats, targets: Floats) -> float:
    return float((np.logaddexp(0.0, odds) - targets * odds).sum())
