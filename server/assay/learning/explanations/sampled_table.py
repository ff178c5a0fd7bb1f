"""Contributions of features by a predictor that only predicts: Shapley values of its answers.

The base is a row of zeros and empty texts: not every model from elsewhere takes missing values.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from assay.learning.explanations.log_odds import sampled_log_odds, top_classes
from assay.learning.explanations.shapley import Coalitions, Floats, shapley
from assay.learning.explanations.values import TabularExplanation, feature_values
from assay.learning.predictor import Predictor
from assay.learning.rows import NUMBER, ROW_ID, row_ids


def explain_rows(
    predictor: Predictor, batch: pa.RecordBatch, classes: int
) -> Iterator[TabularExplanation]:
    """Yield the explanation of each tabular row.

    Args:
        predictor: Asked about each row with some of its features.
        batch: Canonical rows.
        classes: How many classes of each row are explained.
    """
    names = [field.name for field in predictor.features]
    for row in range(len(row_ids(batch))):
        values = [batch.column(name)[row].as_py() for name in names]

        def game(present: Coalitions, values: list[Any] = values) -> Floats:
            return sampled_log_odds(predictor.predict(_rows_of(predictor, values, present)))

        found = shapley(len(names), game)
        codes = np.zeros(1, np.int64)
        if predictor.labels:
            codes = top_classes(found.total[np.newaxis], classes)[0]
        yield TabularExplanation(
            labels=tuple(predictor.labels[code] for code in codes) if predictor.labels else (),
            features=tuple(names),
            values=feature_values(batch, names, row),
            scores=found.values[codes],
            bases=found.base[codes],
            totals=found.total[codes],
        )


def _rows_of(predictor: Predictor, values: list[Any], present: Coalitions) -> pa.RecordBatch:
    """Return a row for each coalition, with the values of the features that are in it."""
    columns: dict[str, Any] = {
        ROW_ID: pa.array([f"coalition {number}" for number in range(len(present))])
    }
    for field, value, mine in zip(predictor.features, values, present.T, strict=True):
        absent: Any = 0.0 if field.type == NUMBER else ""
        column = pa.scalar(value, field.type)
        columns[field.name] = pa.compute.if_else(
            pa.array(mine), column, pa.scalar(absent, field.type)
        )
    return pa.RecordBatch.from_pydict(columns)
