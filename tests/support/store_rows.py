"""Shorthand for the rows that most tests of the stores need."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from assay import records
from assay.features.evaluations.model import (
    Evaluation,
    EvaluationResult,
    EvaluationSpec,
    NewEvaluation,
)
from assay.features.evaluations.store import Evaluations
from assay.features.models.model import Model, NewModel, NewVersion, TaskType, Version
from assay.features.models.store import Models
from assay.features.models.versions_store import Versions
from assay.kernel.jobs.job import Job, NewJob, Owner
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import JobState
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.records import encode, sha256_hex

ORG = "acme"
OTHER = "globex"
CHURN = NewModel(
    name="churn",
    task_type=TaskType.CLASSIFICATION,
    labels=("no", "yes"),
    positive_label="yes",
)
SPEC = EvaluationSpec(task_type=TaskType.CLASSIFICATION, labels=("no", "yes"), positive_label="yes")
NEW_JOB = NewJob(kind="k", spec=b"{}")
LEASE = 60.0  # seconds: longer than any test
EXPIRED = -1.0  # a lease that is over when it begins, on any clock


def add_model(uow: UnitOfWork, organization_id: str = ORG, **changes: Any) -> Model:
    return uow[Models].create(organization_id, records.replace(CHURN, **changes))


def add_version(uow: UnitOfWork, model_id: str, organization_id: str = ORG) -> Version:
    return uow[Versions].create(organization_id, model_id, NewVersion())


def add_ready_version(uow: UnitOfWork, model_id: str) -> Version:
    version = add_version(uow, model_id)
    return uow[Versions].mark_ready(ORG, model_id, version.version_id)


def add_evaluation(
    uow: UnitOfWork,
    model_id: str,
    version_id: str,
    split: str = "test",
    organization_id: str = ORG,
) -> Evaluation:
    job = uow[Jobs].submit(organization_id, NewJob(kind="evaluation", spec=b"{}"))
    return uow[Evaluations].create(
        organization_id,
        NewEvaluation(
            model_id=model_id,
            version_id=version_id,
            dataset_split=split,
            job_id=job.job_id,
            spec=SPEC,
        ),
    )


def add_upload(uow: UnitOfWork, **changes: Any) -> Job:
    new = NewJob(kind="evaluation", spec=b"{}", state=JobState.OPEN)
    return uow[Jobs].submit(ORG, replace(new, **changes))


def add_job(uow: UnitOfWork, **changes: Any) -> Job:
    return uow[Jobs].submit(ORG, replace(NEW_JOB, **changes))


def claimed(uow: UnitOfWork, owner: Owner, lease: float = LEASE) -> Job:
    job = uow[Jobs].claim(owner, lease, ["k", "evaluation"])
    assert job is not None
    return job


def finish(uow: UnitOfWork, owner: Owner, evaluation: Evaluation, accuracy: float) -> Evaluation:
    """Run the evaluation's job, which must be the oldest that is queued, to its end."""
    job = claimed(uow, owner)
    assert job.job_id == evaluation.job_id
    result = result_with(accuracy)
    org = evaluation.organization_id
    uow[Evaluations].finish(org, evaluation.evaluation_id, result)
    uow[Jobs].end(org, job.job_id, job.epoch, JobState.SUCCEEDED, result=encode(result))
    return uow[Evaluations].get(org, evaluation.evaluation_id)


def result_with(accuracy: float) -> EvaluationResult:
    return EvaluationResult(
        rows=10,
        task="binary",
        labels=("no", "yes"),
        positive_label="yes",
        label_set_inferred=False,
        metrics={"accuracy": accuracy, "f1_score": 0.1 + 0.2},
        undefined={"roc_auc": "NO_SCORES"},
        per_class=(),
        averages={"micro": {"precision": accuracy}},
        confusion=((4, 1), (2, 3)),
        clipped_rows=0,
        spec={"task_type": "classification"},
        spec_hash=sha256_hex(encode(SPEC)),
        environment={"numpy": "2"},
        content_hash="c" * 64,
    )
