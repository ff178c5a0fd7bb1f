"""Rows that two splits share, of which every result warns: a model has seen what it is measured on."""

from __future__ import annotations

from itertools import combinations
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from assay.features.datasets.stored_split import read_digests
from assay.features.training.job_features import Asked, Everything
from assay.features.training.job_rows import manifest_of
from assay.features.training.job_spec import TEST, TRAIN, VALIDATION, TrainingJob
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.kind import ComputeContext, Stage, StageInputs, TaskOutput
from assay.records import Record

Digests = NDArray[np.uint64]


class Overlaps(Record):
    """What is to be said of rows that two splits share."""

    warnings: tuple[str, ...]


class FindOverlaps(Stage[Everything, Overlaps]):
    """Looks for rows of equal content in two splits, by their digests."""

    name: ClassVar[str] = "overlaps"
    payload = Everything
    partial = Overlaps

    def plan(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> list[Everything]:
        """Plan one task, or none for a single split."""
        return [Everything()] if len(job.spec.manifests) > 1 else []

    def run(
        self, job: Asked, payload: Everything, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[Overlaps]:
        """Look."""
        there = [one for one in (TRAIN, VALIDATION, TEST) if one in job.spec.manifests]
        digests = {split: _digests(job.spec, split, context.blobs) for split in there}
        warnings = []
        for first, second in combinations(there, 2):
            shared = int(np.isin(digests[second], digests[first]).sum())
            if shared:
                warnings.append(
                    f"{shared} of the {len(digests[second])} rows of the {second} split have the "
                    f"content of rows of the {first} split: numbers on them are too good."
                )
        return TaskOutput(partial=Overlaps(warnings=tuple(warnings)))


def _digests(job: TrainingJob, split: str, blobs: JobBlobs) -> Digests:
    found = list(read_digests(manifest_of(job, split, blobs), blobs))
    return np.concatenate(found) if found else np.zeros(0, np.uint64)
