"""The step that jobs of stored versions share: a stored version predicts rows, which are counted."""

from __future__ import annotations

import pyarrow as pa

from assay.features.artifacts.predictors import predicted
from assay.features.evaluations.model import EvaluationSpec
from assay.features.training.job_outcomes import stored_blob
from assay.features.training.job_predictions import (
    Place,
    Predicted,
    count_predictions,
    count_words,
    truths_of_rows,
    words_of_rows,
)
from assay.kernel.jobs.kind import ComputeContext, TaskOutput
from assay.learning.predictions import WordPredictions
from assay.learning.predictor import Predictor


def predict_rows(
    predictor: Predictor,
    batch: pa.RecordBatch,
    spec: EvaluationSpec,
    place: Place,
    context: ComputeContext,
) -> TaskOutput[Predicted]:
    """Return the counts of canonical rows that a version predicted.

    Raises FailedPrecondition for rows that cannot be predicted.
    """
    found = predicted(predictor, batch)
    if isinstance(found, WordPredictions):
        return TaskOutput(partial=count_words(found, *words_of_rows(batch, found.labels), place))
    true = truths_of_rows(batch, spec.labels or ())
    counted = count_predictions(found, true, spec, place, context)
    return TaskOutput(partial=counted, blob=stored_blob(counted))
