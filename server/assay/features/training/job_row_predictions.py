"""The step that jobs of stored versions share: a stored version predicts rows, which are counted."""

from __future__ import annotations

import pyarrow as pa

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
from assay.features.training.job_rows import prediction_refused
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
    with prediction_refused():
        found = predictor.predict(batch)
    if isinstance(found, WordPredictions):
        return TaskOutput(partial=count_words(found, *words_of_rows(batch, found.labels), place))
    true = truths_of_rows(batch, spec.labels or ())
    predicted = count_predictions(found, true, spec, place, context)
    return TaskOutput(partial=predicted, blob=stored_blob(predicted))
