"""The spec of the job kind `evaluation`, and the typed status of its jobs.

Use cases write it when they submit the job; the kind reads it in compute children.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from assay.features.evaluations.model import EvaluationSpec, TruthSplit
from assay.kernel.jobs.payloads import StatusPayload
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
    truth: TruthSplit | None = None  # None: the truth is in the rows


class LiveMetrics(StatusPayload):
    """Exact metrics of the rows that are durable so far; those that need all rows are absent."""

    name: ClassVar[str] = "metrics"
    message: ClassVar[str | None] = "assay.v1.LiveMetrics"

    rows: int
    metrics: Mapping[str, float] = {}
    undefined: Mapping[str, str] = {}  # reasons, by metric
    problem: str | None = None  # why there are no metrics

    def wire(self) -> dict[str, Any]:
        """Return the fields of the message."""
        return {"rows": self.rows, "metrics": dict(self.metrics)}
