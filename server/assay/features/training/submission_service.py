"""The submission of jobs of models: what they ask for is checked before anything is queued."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from assay.features.artifacts.model import ArtifactKind, VersionArtifact
from assay.features.artifacts.store import VersionArtifacts
from assay.features.datasets.store import Datasets
from assay.features.models.model import NewVersion
from assay.features.models.store import Models
from assay.features.models.versions_store import Versions
from assay.features.training.job_spec import (
    TEST,
    TRAIN,
    TrainingJob,
    VersionEvaluation,
    VersionPruning,
    settings_of,
)
from assay.features.training.model import (
    KINDS,
    LEARNING_VERSION,
    Facts,
    JobType,
    NewModelJob,
    Split,
    job_type,
)
from assay.features.training.pruning_settings import PruningSettings, pruning_settings
from assay.features.training.store import ModelJobs
from assay.features.training.training_data import (
    TrainingData,
    check_hyperparams,
    read_data,
    unlearnable,
)
from assay.kernel.errors import FailedPrecondition, InvalidArgument, clip
from assay.kernel.idempotency import CreateRequest, answered, create_once
from assay.kernel.jobs.job import NewJob
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import VersionStatus
from assay.kernel.storage.blobs import BlobStore
from assay.kernel.storage.store import Store
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.records import Record, encode, replace


class JobRequest(Record):
    """What a caller asks for."""

    job_type: str
    model_project_path: str
    dataset_id: str
    hyperparams: Mapping[str, Any] = {}  # as sent
    version_id: str = ""  # empty: of a training a new one, else the promoted one
    version_label: str = ""  # empty: none
    target_sparsity: float | None = None
    request_id: str | None = None  # a repeat returns the first job
    created_by: str = ""  # subject of the caller

    @property
    def body(self) -> JobRequest:
        """What a repeat has the same of."""
        return replace(self, request_id=None, created_by="")


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A job that was checked, before it is queued."""

    new: NewModelJob  # without the version where that is made
    spec: TrainingJob | VersionPruning | VersionEvaluation  # likewise
    blobs: tuple[str, ...]  # that the job reads
    makes: NewVersion | None = None  # None: no new version


class Submissions:
    """Checks and queues the jobs of an organization's models; blocking."""

    def __init__(self, store: Store, blobs: BlobStore, *, max_attempts: int = 3) -> None:
        self._store = store
        self._blobs = blobs
        self._max_attempts = max_attempts
        self._release = metadata.version("assay-quality")

    def submit(self, organization_id: str, request: JobRequest) -> str:
        """Queue a job and return its id, or that of a repeat.

        Raises:
            InvalidArgument: a bad job type, hyperparameter or label.
            NotFound: no model has the path, or there is no such dataset or version.
            WrongTaskType: the dataset is of another task type than the model.
            NoPromotedVersion: no version is named, and none is promoted.
            FailedPrecondition: nothing can be learned from the dataset, or the version is not one
                that the job may be about.
            RequestIdReused: the request_id came before with another body.
        """
        wanted = job_type(request.job_type)
        repeat = CreateRequest(
            method="SubmitModelJob", request_id=request.request_id, body=request.body
        )
        with self._store.read() as uow:
            first = answered(uow, organization_id, repeat, lambda job_id: job_id)
            if first is not None:
                return first
            draft = self._drafts(wanted)(uow, organization_id, request)
        with self._store.write() as uow:
            return create_once(
                uow,
                organization_id,
                repeat,
                make=lambda: self._make(uow, organization_id, draft),
                again=lambda job_id: job_id,
                key_of=lambda job_id: job_id,
            )

    def _drafts(self, wanted: JobType) -> Callable[[UnitOfWork, str, JobRequest], Draft]:
        return {
            JobType.TRAINING: self._training,
            JobType.PRUNING: self._pruning,
            JobType.EVALUATION: self._evaluation,
        }[wanted]

    def _training(self, uow: UnitOfWork, organization_id: str, request: JobRequest) -> Draft:
        _check_training(request)
        model = uow[Models].by_path(organization_id, request.model_project_path)
        dataset = uow[Datasets].find(organization_id, request.dataset_id)
        data = read_data(uow, self._blobs, model, dataset)
        resolved = check_hyperparams(data.task_type, request.hyperparams)
        if request.version_id:
            uow[Versions].get(organization_id, model.model_id, request.version_id)
        spec = TrainingJob(
            model_id=model.model_id,
            version_id=request.version_id,
            manifests=data.manifests,
            labels=data.labels,
            positive_label=model.positive_label,
            hyperparameters=resolved,
            learning_version=LEARNING_VERSION,
        )
        facts = Facts(
            platform_version=self._release,
            learning_version=LEARNING_VERSION,
            train=data.split(TRAIN, model),
            test=data.split(TEST, model),
            settings=settings_of(resolved),
            warnings=data.warnings,
        )
        makes = NewVersion(
            label=request.version_label or None,
            status=VersionStatus.TRAINING,
            algorithm=resolved.algorithm,
            hyperparameters=resolved.values,
            created_by=request.created_by,
        )
        return Draft(
            new=_new(JobType.TRAINING, data, spec, facts, request),
            spec=spec,
            blobs=data.blobs,
            makes=None if request.version_id else makes,
        )

    def _evaluation(self, uow: UnitOfWork, organization_id: str, request: JobRequest) -> Draft:
        _refuse_fields(request, "target_sparsity", "version_label", "hyperparams")
        model = uow[Models].by_path(organization_id, request.model_project_path)
        dataset = uow[Datasets].find(organization_id, request.dataset_id)
        source = uow[VersionArtifacts].of(model, request.version_id)
        data = read_data(uow, self._blobs, model, dataset, learned=source.artifact)
        split = data.measured_split
        spec = VersionEvaluation(
            model_id=model.model_id,
            version_id=source.version_id,
            artifact=source.artifact,
            positive_label=model.positive_label,
            split=split,
            manifest=data.manifests[split],
        )
        facts = replace(
            self._made_with(uow, organization_id, source),
            platform_version=self._release,
            test=data.split(split, model),
            warnings=data.warnings,
        )
        return Draft(
            new=_new(JobType.EVALUATION, data, spec, facts, request),
            spec=spec,
            blobs=(*data.blobs, *source.artifact.blobs),
        )

    def _pruning(self, uow: UnitOfWork, organization_id: str, request: JobRequest) -> Draft:
        model = uow[Models].by_path(organization_id, request.model_project_path)
        dataset = uow[Datasets].find(organization_id, request.dataset_id)
        source = uow[VersionArtifacts].of(model, request.version_id)
        artifact = source.artifact
        _check_trained(source)
        data = read_data(uow, self._blobs, model, dataset, learned=artifact)
        made = self._made_with(uow, organization_id, source)
        settings = pruning_settings(
            data.task_type, made.settings, request.target_sparsity, request.hyperparams
        )
        _check_pruning(data, artifact.labels, is_tuned=settings.is_tuned)
        spec = VersionPruning(
            model_id=model.model_id,
            version_id="",
            artifact=artifact.blob,
            manifests=data.manifests,
            task_type=data.task_type,
            labels=artifact.labels,
            positive_label=model.positive_label,
            target_sparsity=settings.target_sparsity,
            target_bytes=settings.target_bytes,
            tuning=settings.hyperparameters if settings.is_tuned else None,
            learning_version=artifact.learning_version,
        )
        facts = replace(
            made,
            platform_version=self._release,
            test=data.split(data.measured_split, model),
            settings=settings.shown,
            warnings=data.warnings,
        )
        new = _new(JobType.PRUNING, data, spec, facts, request)
        return Draft(
            new=replace(new, source_version_id=source.version_id),
            spec=spec,
            blobs=(*data.blobs, artifact.blob),
            makes=_pruned_version(settings, request),
        )

    def _made_with(self, uow: UnitOfWork, organization_id: str, source: VersionArtifact) -> Facts:
        """Return the facts of the job that made a version; of one from elsewhere there are none."""
        if source.artifact.kind is ArtifactKind.TRAINED and source.job_id is not None:
            return uow[ModelJobs].get(organization_id, source.job_id).facts
        return Facts(
            platform_version=self._release,
            learning_version=LEARNING_VERSION,
            train=Split(),
            test=Split(),
        )

    def _make(self, uow: UnitOfWork, organization_id: str, draft: Draft) -> str:
        spec, model_id = draft.spec, draft.spec.model_id
        if draft.makes is not None:
            made = uow[Versions].create(organization_id, model_id, draft.makes)
            spec = replace(spec, version_id=made.version_id)
        elif draft.new.job_type is JobType.TRAINING:
            _take_over(uow, organization_id, model_id, spec.version_id)
        job = uow[Jobs].submit(
            organization_id,
            NewJob(
                kind=KINDS[draft.new.job_type],
                spec=encode(spec),
                resource=spec.version_id,
                blobs=draft.blobs,
                max_attempts=self._max_attempts,
                created_by=draft.new.created_by,
            ),
        )
        new = replace(draft.new, version_id=spec.version_id)
        return uow[ModelJobs].create(organization_id, job.job_id, new).job_id


def _new(
    wanted: JobType,
    data: TrainingData,
    spec: TrainingJob | VersionPruning | VersionEvaluation,
    facts: Facts,
    request: JobRequest,
) -> NewModelJob:
    return NewModelJob(
        job_type=wanted,
        model_id=spec.model_id,
        dataset_id=data.dataset.dataset_id,
        dataset_revision=data.revision,
        version_id=spec.version_id,
        source_version_id=None if wanted is JobType.TRAINING else spec.version_id,
        facts=facts,
        created_by=request.created_by,
    )


def _pruned_version(settings: PruningSettings, request: JobRequest) -> NewVersion:
    return NewVersion(
        label=request.version_label or None,
        status=VersionStatus.TRAINING,
        algorithm=settings.hyperparameters.algorithm,
        hyperparameters={one.name: one.value for one in settings.shown},
        created_by=request.created_by,
    )


def _check_training(request: JobRequest) -> None:
    """Raise InvalidArgument for fields that a training does not have, or not together."""
    if request.target_sparsity is not None:
        raise InvalidArgument.of("target_sparsity", "only a pruning has one")
    if request.version_id and request.version_label:
        raise InvalidArgument.of(
            "version_label", "a version that is named by version_id keeps its own label"
        )


def _check_trained(source: VersionArtifact) -> None:
    """Raise FailedPrecondition for a version that cannot be pruned, as it was made elsewhere."""
    kind = source.artifact.kind
    if kind is not ArtifactKind.TRAINED:
        raise FailedPrecondition(
            f"The version '{source.version_id}' was not trained here: its kind is {kind}, and only "
            "a trained one can be pruned. Name a version that a training or a pruning made.",
            metadata={"version_id": source.version_id, "kind": kind},
        )


def _check_pruning(data: TrainingData, labels: tuple[str, ...], *, is_tuned: bool) -> None:
    """Raise FailedPrecondition for data that a version of these labels is not measured on."""
    present = {label for split in data.splits.values() for label in split.labels}
    if foreign := sorted(present - set(labels)):
        raise unlearnable(
            data.dataset, f"has the label '{clip(foreign[0])}', which the version knows nothing of"
        )
    if is_tuned and TRAIN not in data.manifests:
        raise unlearnable(data.dataset, "has no train split to train on with. Upload one")


def _take_over(uow: UnitOfWork, organization_id: str, model_id: str, version_id: str) -> None:
    """Put a version that was named in training, unless it is already."""
    version = uow[Versions].get(organization_id, model_id, version_id)
    if version.status is VersionStatus.TRAINING:
        raise FailedPrecondition(
            f"The version '{version_id}' is in training by another job. Wait for it, or name none.",
            metadata={"version_id": version_id, "status": version.status},
        )
    uow[Versions].mark_training(organization_id, model_id, version_id)


def _refuse_fields(request: JobRequest, *names: str) -> None:
    """Raise InvalidArgument for a field that was sent and that an evaluation does not have."""
    for name in names:
        if getattr(request, name) not in (None, "", {}):
            raise InvalidArgument.of(name, "an evaluation makes no version")
