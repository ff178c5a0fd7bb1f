"""The spec of the job kind `evaluation`.

Use cases write it when they submit the job; the kind reads it in compute children.
"""

from __future__ import annotations

from assay.features.evaluations.model import EvaluationSpec
from assay.records import Record

EVALUATION_KIND = "evaluation"
CHUNKS = "chunks"  # Arrow chunks, uploaded as tasks of the open job


class EvaluationJob(Record):
    """The spec of one evaluation job."""

    evaluation_id: str  # the evaluation that the job completes
    model_id: str  # the model that is measured
    version_id: str  # the version that is measured
    dataset_split: str  # one of SPLITS
    spec: EvaluationSpec  # what decides the numbers
    source: str = CHUNKS  # CHUNKS, or one of assay.tabular.opening: of a file stored as a blob
    blob: str | None = None  # address of the file; None for chunks
