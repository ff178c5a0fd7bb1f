"""Neutral examples: an input that a version really predicts, and the prediction of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pyarrow as pa

from assay.features.artifacts.model import Artifact, ArtifactKind
from assay.features.artifacts.output_documents import MODEL_TYPES, document
from assay.features.artifacts.predictors import open_predictor
from assay.kernel.jobs.kind import ComputeContext
from assay.learning.errors import DataError
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


class Example(Record):
    """What goes in and what comes out, of one input."""

    content: str  # text, JSON as text, or a data URI
    is_embedded: bool  # whether it is a data URI
    output: Mapping[str, Any]  # the prediction, as a result of a job tells it


def neutral_example(context: ComputeContext, artifact: Artifact) -> Example:
    """Return an example of what an artifact predicts; in compute children alone.

    What is served elsewhere is not asked: its example has equal scores.
    """
    predictor: Predictor | None = None
    features: tuple[pa.Field[Any], ...] = ()
    if artifact.kind is not ArtifactKind.REMOTE:
        predictor = open_predictor(artifact, context)
        features = predictor.features
    elif artifact.remote is not None:
        features = artifact.remote.features
    content, row = _content(artifact.task_type, features)
    found = None
    if predictor is not None:
        with suppress(DataError):  # another maker's model may want more than a neutral row
            found = document(artifact.task_type, predictor.predict(row), 0)
    return Example(
        content=content,
        is_embedded=content.startswith("data:"),
        output=_equal_scores(artifact) if found is None else json.loads(found),
    )


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


def _equal_scores(artifact: Artifact) -> dict[str, Any]:
    result: dict[str, Any] = {"value": 0.0}
    if artifact.labels:
        score = 1 / len(artifact.labels)
        result = {
            "classPredictions": [{"class": label, "score": score} for label in artifact.labels]
        }
    model_type = MODEL_TYPES[artifact.task_type]
    return {"modelType": model_type, "result": result, "explanation": None}
