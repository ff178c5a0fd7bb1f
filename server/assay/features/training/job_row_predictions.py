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
from assay.features.training.job_rows import data_refused
from assay.features.training.stored_model import read_model
from assay.kernel.jobs.kind import ComputeContext, TaskOutput
from assay.learning.predictions import WordPredictions


def predict_rows(
    artifact: str,
    batch: pa.RecordBatch,
    spec: EvaluationSpec,
    place: Place,
    context: ComputeContext,
) -> TaskOutput[Predicted]:
    """Return the counts of canonical rows that the version of an artifact's address predicted.

    Raises FailedPrecondition for rows that cannot be predicted.
    """
    model = read_model(artifact, context.blobs)
    with data_refused():
        found = model.predict(batch)
    if isinstance(found, WordPredictions):
        return TaskOutput(partial=count_words(found, *words_of_rows(batch, found.labels), place))
    true = truths_of_rows(batch, spec.labels or ())
    predicted = count_predictions(found, true, spec, place, context)
    return TaskOutput(partial=predicted, blob=stored_blob(predicted))
