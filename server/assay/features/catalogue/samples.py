"""Neutral examples: an input that a version really predicts, and the prediction of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

import pyarrow as pa

from assay.features.artifacts.model import Artifact, ArtifactKind
from assay.features.artifacts.predictors import open_predictor
from assay.kernel.cache import BoundedCache
from assay.kernel.jobs.kind import ComputeContext
from assay.learning.predictions import ClassPredictions, Predictions, ValuePredictions
from assay.learning.predictor import Predictor
from assay.learning.rows import (
    BOXES,
    IMAGE,
    NUMBER,
    PAGES,
    ROW_ID,
    WORDS,
    TaskType,
    canonical_schema,
)
from assay.records import Record

TEXT = "This is an example."
GREY_PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAIAAAAlC+aJAAAATUlEQVR42u3PQQ0AAAgEIDX5RTeFDzdoQCepz6aeExAQ"
    "EBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQELi3oiwCAJt186UAAAAASUVORK5CYII="
)  # 64 × 64 pixels

_EXAMPLES: Final = BoundedCache(64)  # by the content of what predicts


class Example(Record):
    """What goes in and what comes out, of one input."""

    content: str  # text, JSON as text, or a data URI
    is_embedded: bool  # whether it is a data URI
    output: Mapping[str, Any]  # the prediction, as a result of a job tells it


def neutral_example(context: ComputeContext, artifact: Artifact) -> Example:
    """Return an example of what an artifact predicts; in compute children alone.

    What is served elsewhere is not asked: its example has equal scores.
    """
    remote = () if artifact.remote is None else map(str, artifact.remote.features)
    key = artifact.blob or json.dumps([artifact.task_type, artifact.labels, *remote])
    found: Example = _EXAMPLES.get(key, lambda: (_example(context, artifact), 1))
    return found


def _example(context: ComputeContext, artifact: Artifact) -> Example:
    predictor: Predictor | None = None
    features = () if artifact.remote is None else artifact.remote.features
    if artifact.kind is not ArtifactKind.REMOTE:
        predictor = open_predictor(artifact, context)
        features = predictor.features
    content, row = _content(artifact.task_type, features)
    if predictor is None:
        output = _equal_scores(artifact)
    else:
        output = document(artifact.task_type, predictor.predict(row))
    return Example(content=content, is_embedded=content.startswith("data:"), output=output)


def _content(
    task_type: TaskType, features: tuple[pa.Field[Any], ...]
) -> tuple[str, pa.RecordBatch]:
    """Return the content of an input, and its canonical row."""
    schema = canonical_schema(
        task_type, features, boxes=task_type is TaskType.EXTRACTION, answers=False
    )
    values: dict[str, Any]
    if task_type is TaskType.TEXT_CLASSIFICATION:
        content, values = TEXT, {PAGES: [TEXT]}
    elif task_type is TaskType.IMAGE_CLASSIFICATION:
        content = f"data:image/png;base64,{base64.b64encode(GREY_PNG).decode()}"
        values = {IMAGE: GREY_PNG}
    elif task_type is TaskType.EXTRACTION:
        words = TEXT.removesuffix(".").split()
        boxes = [[60.0 * at, 0.0, 60.0 * at + 50, 12.0] for at in range(len(words))]
        content, values = json.dumps({WORDS: words, BOXES: boxes}), {WORDS: words, BOXES: boxes}
    else:
        values = {one.name: 0.0 if one.type == NUMBER else "" for one in features}
        content = json.dumps(values, ensure_ascii=False)
    return content, pa.RecordBatch.from_pylist([{ROW_ID: "sample", **values}], schema=schema)


def document(task_type: TaskType, found: Predictions) -> dict[str, Any]:
    """Return the prediction of one row as a result of a job tells it."""
    result: dict[str, Any]
    if isinstance(found, ClassPredictions):
        scores = zip(found.labels, found.probabilities[0].tolist(), strict=True)
        result = _class_scores(dict(scores))
    elif isinstance(found, ValuePredictions):
        result = {"value": float(found.values[0])}
    else:
        confidences = found.confidences.tolist()
        result = {
            "fields": dict(found.fields[0]),
            "confidence": min(confidences) if confidences else 1.0,
        }
    return {"modelType": model_type(task_type), "result": result, "explanation": None}


def model_type(task_type: TaskType) -> str:
    """Return a task type in the words of results, such as textClassification."""
    first, *others = task_type.value.split("_")
    return first + "".join(one.capitalize() for one in others)


def _equal_scores(artifact: Artifact) -> dict[str, Any]:
    result: dict[str, Any] = {"value": 0.0}
    if artifact.labels:
        result = _class_scores(dict.fromkeys(artifact.labels, 1 / len(artifact.labels)))
    return {"modelType": model_type(artifact.task_type), "result": result, "explanation": None}


def _class_scores(scores: Mapping[str, float]) -> dict[str, Any]:
    ordered = sorted(scores.items(), key=lambda item: -item[1])
    return {"classPredictions": [{"class": label, "score": score} for label, score in ordered]}
