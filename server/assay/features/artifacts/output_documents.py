"""Outputs of inputs as documents: what a version says of one row, and why it says so.

Every output is exactly `{"modelType", "result", "explanation"}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from assay.learning.predictions import (
    ClassPredictions,
    Predictions,
    ValuePredictions,
    WordPredictions,
)
from assay.learning.rows import TaskType

MEDIA_TYPE = "application/json"

MODEL_TYPES: Mapping[TaskType, str] = {
    TaskType.TEXT_CLASSIFICATION: "textClassification",
    TaskType.IMAGE_CLASSIFICATION: "imageClassification",
    TaskType.TABULAR_CLASSIFICATION: "tabularClassification",
    TaskType.TABULAR_REGRESSION: "tabularRegression",
    TaskType.EXTRACTION: "extraction",
}


def document(
    task_type: TaskType, found: Predictions, row: int, explanation: Mapping[str, Any] | None = None
) -> bytes:
    """Return the document of one row as JSON; classes by falling score, equal ones in their order."""
    if isinstance(found, ClassPredictions):
        result = _classes(found, row)
    elif isinstance(found, ValuePredictions):
        result = {"value": float(found.values[row])}
    else:
        result = _fields(found, row)
    whole = {
        "modelType": MODEL_TYPES[task_type],
        "result": result,
        "explanation": explanation,
    }
    return msgspec.json.encode(whole)


def _classes(found: ClassPredictions, row: int) -> dict[str, Any]:
    scores = found.probabilities[row]
    order = np.argsort(-scores, kind="stable")
    return {
        "classPredictions": [
            {"class": found.labels[code], "score": float(scores[code])} for code in order.tolist()
        ]
    }


def _fields(found: WordPredictions, row: int) -> dict[str, Any]:
    return {"fields": dict(found.fields[row]), "confidence": found.confidence(row)}
