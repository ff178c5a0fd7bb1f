"""The explanation of predictions of any model that can be asked for them."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from assay.learning.explanations import (
    images,
    linear_table,
    linear_text,
    sampled_table,
    sampled_text,
    trees,
)
from assay.learning.explanations.log_odds import TOP_CLASSES
from assay.learning.explanations.values import Explanation
from assay.learning.image_family import ImageFeaturizer
from assay.learning.model import Model
from assay.learning.predictions import Predictions
from assay.learning.predictor import Predictor
from assay.learning.rows import TaskType
from assay.learning.tabular_features import TableFeaturizer
from assay.learning.text import TextFeaturizer


def can_explain(task_type: TaskType) -> bool:
    """Say whether predictions of a task type can be explained: all but fields of documents."""
    return task_type is not TaskType.EXTRACTION


def explain(
    predictor: Predictor, batch: pa.RecordBatch, *, classes: int = TOP_CLASSES
) -> Explanation:
    """Return the explanation of the one canonical row of a batch, as `explain_batch` does."""
    (found,) = explain_batch(predictor, batch, classes=classes)
    return found


def explain_batch(
    predictor: Predictor, batch: pa.RecordBatch, *, classes: int = TOP_CLASSES
) -> Sequence[Explanation]:
    """Return the explanation of each canonical row, as `predict_and_explain` does."""
    return predict_and_explain(predictor, batch, classes=classes)[1]


def predict_and_explain(
    predictor: Predictor, batch: pa.RecordBatch, *, classes: int = TOP_CLASSES
) -> tuple[Predictions, Sequence[Explanation]]:
    """Return the predictions of canonical rows, and the explanation of each.

    The predictions are those of the predictor, to the bit; its texts are read once for both.

    Args:
        predictor: Whose predictions are explained.
        batch: The rows, with or without answers.
        classes: How many classes are explained of each row, the most probable first.

    Raises DataError for rows that nothing can be predicted of, ValueError for a task type whose
    predictions cannot be explained.
    """
    if not can_explain(predictor.task_type):
        raise ValueError(f"predictions of {predictor.task_type} cannot be explained")
    if isinstance(predictor, Model) and isinstance(predictor.featurizer, TextFeaturizer):
        return linear_text.predict_and_explain(predictor, batch, classes)
    found = predictor.predict(batch)
    return found, _explained(predictor, batch, found, classes)


def _explained(
    predictor: Predictor, batch: pa.RecordBatch, found: Predictions, classes: int
) -> Sequence[Explanation]:
    if isinstance(predictor, Model):
        featurizer = predictor.featurizer
        if isinstance(featurizer, TableFeaturizer):
            explain_rows = (
                trees.explain_rows if featurizer.table.trees else linear_table.explain_rows
            )
            return tuple(explain_rows(predictor, featurizer, batch, classes))
        if isinstance(featurizer, ImageFeaturizer):
            return tuple(images.explain_trained(predictor, featurizer, batch, found, classes))
    if predictor.task_type is TaskType.IMAGE_CLASSIFICATION:
        return tuple(images.explain_sampled(predictor, batch, found, classes))
    if predictor.task_type is TaskType.TEXT_CLASSIFICATION:
        return tuple(sampled_text.explain_texts(predictor, batch, classes))
    return tuple(sampled_table.explain_rows(predictor, batch, classes))
