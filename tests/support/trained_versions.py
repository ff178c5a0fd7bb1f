"""Versions with small models that were trained in this process, without a job."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from assay.features.artifacts.model import Artifact, ArtifactKind
from assay.features.artifacts.store import VersionArtifacts
from assay.features.models.model import NewModel, NewVersion
from assay.features.models.store import Models
from assay.features.models.versions_store import Versions
from assay.features.training.model import TASKS
from assay.kernel.jobs.job import NewJob
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.storage.blobs import BlobStore
from assay.kernel.storage.store import Store
from assay.learning.artifact import LIBRARIES
from assay.learning.model import Model
from assay.learning.rows import TaskType
from assay.records import replace
from tests.support.learning_rows import trained
from tests.support.training_rows import diabetes, digits, images, invoices, texts

SPLITS = {
    TaskType.TEXT_CLASSIFICATION: texts,
    TaskType.IMAGE_CLASSIFICATION: images,
    TaskType.TABULAR_CLASSIFICATION: digits,
    TaskType.TABULAR_REGRESSION: diabetes,
    TaskType.EXTRACTION: invoices,
}


@dataclass(frozen=True, kw_only=True)
class TrainedVersion:
    """A ready version."""

    model_id: str
    version_id: str
    artifact: Artifact


@cache
def model_of(task_type: TaskType) -> Model:
    """Return a model that learned a little of rows of a task type."""
    train = SPLITS[task_type]()["train"].to_batches()
    validation = SPLITS[task_type]()["validation"].to_batches()
    labels: set[str] = set()
    if task_type.has_label:
        labels = {label for batch in train for label in batch.column("label").to_pylist()}
    given = {} if task_type.is_tabular else {"num_train_epochs": 3}
    return trained(task_type, train, validation=validation, labels=tuple(sorted(labels)), **given)


def put_version(
    store: Store,
    blobs: BlobStore,
    organization_id: str,
    task_type: TaskType,
    *,
    of_model: str | None = None,
    label: str | None = None,
    runs: Model | None = None,
    **model: Any,
) -> TrainedVersion:
    """Store a model, or take the one that is named, with a ready version that predicts.

    It runs `runs`, or what learned a little of rows of the task type.
    """
    made = runs or model_of(task_type)
    data = made.encode()
    artifact = Artifact(
        kind=ArtifactKind.TRAINED,
        blob=blobs.put(organization_id, data),
        bytes=len(data),
        task_type=task_type,
        labels=made.labels,
        learning_version="1",
        libraries=LIBRARIES,
    )
    new = NewModel(name=str(task_type), task_type=TASKS[task_type])
    with store.write() as uow:
        model_id = of_model
        if model_id is None:
            model_id = uow[Models].create(organization_id, replace(new, **model)).model_id
        version = uow[Versions].create(organization_id, model_id, NewVersion(label=label))
        uow[Versions].mark_ready(organization_id, model_id, version.version_id)
        job = uow[Jobs].submit(
            organization_id, NewJob(kind="made", spec=b"{}", blobs=artifact.blobs)
        )
        uow[VersionArtifacts].put(
            organization_id, model_id, version.version_id, job_id=job.job_id, artifact=artifact
        )
    return TrainedVersion(model_id=model_id, version_id=version.version_id, artifact=artifact)
