"""Exact contributions of features of tabular rows, for the linear models trained here.

The base is a row of average numbers without any category: that is where all columns are zero.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from assay.learning.explanations.log_odds import class_log_odds, settled_row
from assay.learning.explanations.values import TabularExplanation, feature_values
from assay.learning.feature_block import unpack_matrix
from assay.learning.linear import outputs
from assay.learning.model import Model
from assay.learning.tabular_features import TableFeaturizer


def explain_rows(
    model: Model, featurizer: TableFeaturizer, batch: pa.RecordBatch, classes: int
) -> Iterator[TabularExplanation]:
    """Yield the explanation of each tabular row, by a linear model.

    Args:
        model: The model.
        featurizer: That of the model.
        batch: Canonical rows.
        classes: How many classes of each row are explained.
    """
    block = featurizer.transform(batch)
    features = np.asarray(block.features, np.float64)
    values = outputs(model.state, block.features).astype(np.float64)
    start = model.state.arrays["intercepts"].astype(np.float64)
    weights = unpack_matrix("weights", model.state)
    names = [column.name for column in featurizer.table.columns]
    feature_of = featurizer.feature_of()
    if not model.labels:
        scale, mean = featurizer.target_deviation, featurizer.target_mean
        bases, totals = start * scale + mean, values * scale + mean
        gradients = np.full((len(values), 1, 1), scale)
        labels: list[tuple[str, ...]] = [()] * len(values)
    else:
        sigmoids = None if model.calibration is None else model.calibration.records
        found = class_log_odds(values, start, block.record_of, sigmoids, classes)
        gradients, bases, totals = found.gradients, found.bases, found.totals
        labels = [tuple(model.labels[code] for code in row) for row in found.classes]
    bases = np.broadcast_to(bases, totals.shape)
    for row, gradient in enumerate(gradients):
        shares = features[row, :, np.newaxis] * (weights @ gradient.T)
        sums = [np.bincount(feature_of, column, len(names)) for column in shares.T]
        yield TabularExplanation(
            labels=labels[row],
            features=tuple(names),
            values=feature_values(batch, names, row),
            scores=settled_row(np.array(sums), totals[row] - bases[row]),
            bases=bases[row],
            totals=totals[row],
        )
