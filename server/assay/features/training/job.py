"""The job kind `training`: a dataset's splits in, a new version of a model and its measures out.

Training rows are summed up and turned into blocks of features; trials of a search run in waves;
epochs are a chain, whose state is a blob; then the model is finished, predicts all splits, and is
measured as an upload of its predictions would be. Everything is read block by block.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from assay.features.artifacts.model import Artifact, ArtifactKind
from assay.features.artifacts.store import VersionArtifacts
from assay.features.evaluations.measurement import record_evaluation
from assay.features.models.versions_store import Versions
from assay.features.training.job_epochs import TrainEpochs
from assay.features.training.job_events import (
    CalibrationFinished,
    EpochFinished,
    SplitMeasured,
    TrialFinished,
)
from assay.features.training.job_features import FitFeatures, HoldOut, MakeFeatures, Summarize
from assay.features.training.job_measure import (
    FinishModel,
    MeasureSplits,
    PredictBlocks,
    outcomes_of,
)
from assay.features.training.job_outcomes import tables_of
from assay.features.training.job_overlaps import FindOverlaps
from assay.features.training.job_spec import TrainingJob, TrainingResult, settings_of
from assay.features.training.job_trials import SearchTrials, chosen, results_of, trials_shown
from assay.features.training.model import KINDS, JobType
from assay.features.training.store import ModelJobs, fail_version
from assay.kernel.jobs.job import Job
from assay.kernel.jobs.kind import ComputeContext, JobKind, JobView, StageInputs
from assay.kernel.jobs.payloads import EventPayload
from assay.kernel.storage.blob_references import BlobReferences, job_owner
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.learning.artifact import LIBRARIES
from assay.records import decode, replace

Asked = JobView[TrainingJob]


class TrainingKind(JobKind[TrainingJob, TrainingResult]):
    """Trains a version. Where its processes end, and how many there are, changes no bit."""

    name: ClassVar[str] = KINDS[JobType.TRAINING]
    spec = TrainingJob
    result = TrainingResult
    events: ClassVar[tuple[type[EventPayload], ...]] = (
        EpochFinished,
        TrialFinished,
        CalibrationFinished,
        SplitMeasured,
    )
    stages = (
        FindOverlaps(),
        HoldOut(),
        Summarize(),
        FitFeatures(),
        MakeFeatures(),
        SearchTrials(),
        TrainEpochs(),
        FinishModel(),
        PredictBlocks(),
        MeasureSplits(),
    )

    def finish(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> TrainingResult:
        """Return the result, the model being at rest."""
        trials = results_of(inputs)
        made = inputs.partials(FinishModel)[0]
        outcomes = outcomes_of(inputs)
        tables = replace(
            tables_of(outcomes),
            epochs=tuple(one for part in inputs.partials(TrainEpochs) for one in part.epochs),
            trials=trials_shown(job.spec, trials),
            calibration=made.calibration,
        )
        return TrainingResult(
            tables=tables,
            artifact=Artifact(
                kind=ArtifactKind.TRAINED,
                blob=made.artifact,
                bytes=made.bytes,
                task_type=job.spec.task_type,
                labels=job.spec.labels,
                learning_version=job.spec.learning_version,
                libraries=dict(LIBRARIES),
            ),
            settings=settings_of(chosen(job.spec, trials)),
            warnings=tuple(one for part in inputs.partials(FindOverlaps) for one in part.warnings),
            splits=tuple(one.measured for one in outcomes),
        )

    def result_blobs(self, result: TrainingResult) -> Iterable[str]:
        """Return the address of the artifact; evaluations keep their own."""
        return () if result.artifact is None else (result.artifact.blob,)

    def on_finished(self, uow: UnitOfWork, job: Job) -> None:
        """Make the version ready with its artifact and its evaluations, or failed."""
        known = uow[ModelJobs].get(job.organization_id, job.job_id)
        if job.result is None:
            fail_version(uow, known)
            return
        result = decode(TrainingResult, job.result)
        version = {"model_id": known.model_id, "version_id": known.version_id}
        uow[Versions].mark_ready(job.organization_id, **version)
        trained_with = {one.name: one.value for one in result.settings}
        uow[Versions].set_hyperparameters(job.organization_id, **version, values=trained_with)
        facts = replace(
            known.facts, settings=result.settings, warnings=known.facts.warnings + result.warnings
        )
        uow[ModelJobs].set_facts(job.organization_id, job.job_id, facts)
        if result.artifact is not None:
            uow[VersionArtifacts].put(
                job.organization_id, **version, job_id=job.job_id, artifact=result.artifact
            )
        for split in result.splits:
            record_evaluation(
                uow, job.organization_id, split, **version, created_by=known.created_by
            )
        # Features and the states of epochs are read by nobody any more.
        owner = job_owner(job.job_id)
        uow[BlobReferences].remove(job.organization_id, owner)
        uow[BlobReferences].add(job.organization_id, owner, self.result_blobs(result))
