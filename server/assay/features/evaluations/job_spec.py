"""What an evaluation job is asked to do: the spec of the job kind `evaluation`.

Use cases write it when they submit the job; the kind reads it in compute children.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from assay.features.evaluations.model import EvaluationSpec
from assay.records import encode

EVALUATION_KIND = "evaluation"
CHUNKS = "chunks"  # Arrow chunks, uploaded as tasks of the open job


@dataclass(frozen=True, kw_only=True)
class EvaluationJob:
    """The spec of one evaluation job."""

    evaluation_id: str  # the evaluation that the job completes
    model_id: str  # the model that is measured
    version_id: str  # the version that is measured
    dataset_split: str  # one of SPLITS
    spec: EvaluationSpec  # what decides the numbers
    source: str = CHUNKS  # CHUNKS, or one of assay.tabular.formats: of a file stored as a blob
    blob: str | None = None  # address of the file; None for chunks

    def to_json(self) -> bytes:
        """Return the canonical JSON that a job row holds."""
        return encode(
            {
                "evaluation_id": self.evaluation_id,
                "model_id": self.model_id,
                "version_id": self.version_id,
                "dataset_split": self.dataset_split,
                "spec": self.spec.to_dict(),
                "source": self.source,
                "blob": self.blob,
            }
        )

    @classmethod
    def from_json(cls, data: bytes | str) -> EvaluationJob:
        """Return the spec that `to_json` wrote."""
        values = json.loads(data)
        return cls(**{**values, "spec": EvaluationSpec.from_dict(values["spec"])})
