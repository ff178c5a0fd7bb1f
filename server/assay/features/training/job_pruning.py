"""The job kind `pruning`: a stored version in, a smaller version out, and what that changed.

The version is pruned, trained on for some epochs where that was asked (weights that are gone stay
away), and measured on the splits of a dataset; on the split that the tables show the version that
it was made of is measured too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from assay.features.artifacts.model import Artifact, ArtifactKind
from assay.features.artifacts.store import VersionArtifacts
from assay.features.evaluations.measurement import record_evaluation
from assay.features.models.versions_store import Versions
from assay.features.training.job_events import EpochFinished, SplitMeasured
from assay.features.training.job_outcomes import (
    SplitOutcome,
    tables_of,
)
from assay.features.training.job_pruning_measure import (
    MeasurePruned,
    PredictPruned,
    TimePredictions,
    compared,
)
from assay.features.training.job_pruning_model import (
    FinishPruned,
    PruneModel,
    TuneEpochs,
    TuneFeatures,
)
from assay.features.training.job_spec import EvaluatedResult, VersionPruning
from assay.features.training.model import (
    KINDS,
    JobType,
)
from assay.features.training.store import ModelJobs, fail_version
from assay.kernel.jobs.job import Job
from assay.kernel.jobs.kind import (
    ComputeContext,
    JobKind,
    JobView,
    StageInputs,
)
from assay.kernel.jobs.payloads import EventPayload
from assay.kernel.storage.blob_references import BlobReferences, job_owner
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.learning.artifact import LIBRARIES
from assay.records import decode, replace

Asked = JobView[VersionPruning]


class PruningKind(JobKind[VersionPruning, EvaluatedResult]):
    """Prunes a version. The numbers of all but latencies are the same wherever it runs."""

    name: ClassVar[str] = KINDS[JobType.PRUNING]
    spec = VersionPruning
    result = EvaluatedResult
    events: ClassVar[tuple[type[EventPayload], ...]] = (EpochFinished, SplitMeasured)
    stages = (
        PruneModel(),
        TuneFeatures(),
        TuneEpochs(),
        FinishPruned(),
        PredictPruned(),
        MeasurePruned(),
        TimePredictions(),
    )

    def finish(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> EvaluatedResult:
        """Return the result, the model being at rest."""
        made = inputs.partials(FinishPruned)[0]
        outcomes = [decode(SplitOutcome, one.data) for one in inputs.partials(MeasurePruned)]
        after, before = outcomes[:-1], outcomes[-1]
        shown = before.measured.dataset_split
        now = next(one for one in after if one.measured.dataset_split == shown)
        latencies = inputs.partials(TimePredictions)[0]
        epochs = tuple(one.epoch for one in inputs.partials(TuneEpochs))
        tables = replace(
            tables_of(after),
            epochs=epochs or None,
            pruning=tuple(compared(made, latencies, before.measured, now.measured)),
        )
        return EvaluatedResult(
            tables=tables,
            artifact=Artifact(
                kind=ArtifactKind.TRAINED,
                blob=made.artifact,
                bytes=made.bytes_after,
                task_type=job.spec.task_type,
                labels=job.spec.labels,
                learning_version=job.spec.learning_version,
                libraries=dict(LIBRARIES),
            ),
            splits=tuple(one.measured for one in after),
        )

    def result_blobs(self, result: EvaluatedResult) -> Iterable[str]:
        """Return the address of the artifact; evaluations keep their own."""
        return () if result.artifact is None else (result.artifact.blob,)

    def on_finished(self, uow: UnitOfWork, job: Job) -> None:
        """Make the version ready with its artifact and its evaluations, or failed."""
        known = uow[ModelJobs].get(job.organization_id, job.job_id)
        if job.result is None:
            fail_version(uow, known)
            return
        result = decode(EvaluatedResult, job.result)
        version = {"model_id": known.model_id, "version_id": known.version_id}
        uow[Versions].mark_ready(job.organization_id, **version)
        if result.artifact is not None:
            uow[VersionArtifacts].put(
                job.organization_id, **version, job_id=job.job_id, artifact=result.artifact
            )
        for split in result.splits:
            record_evaluation(
                uow, job.organization_id, split, **version, created_by=known.created_by
            )
        owner = job_owner(job.job_id)
        uow[BlobReferences].remove(job.organization_id, owner)
        uow[BlobReferences].add(job.organization_id, owner, self.result_blobs(result))
