"""The store of jobs of models."""

from __future__ import annotations

from sqlalchemy import and_, bindparam, or_, select, update

from assay.features.models.store import ModelDeletion, Models
from assay.features.models.tables import models
from assay.features.models.versions_store import VersionDeletion, Versions
from assay.features.training.model import (
    KINDS,
    Facts,
    JobType,
    ModelJob,
    NewModelJob,
)
from assay.features.training.tables import model_jobs
from assay.kernel.cursor import Cursor, Page
from assay.kernel.errors import NotFound, ResourceInUse
from assay.kernel.jobs.job import Job
from assay.kernel.jobs.ledger import Cancellation
from assay.kernel.jobs.states import VersionStatus
from assay.kernel.storage.blob_references import BlobReferences, job_owner
from assay.kernel.storage.keyset import newest_page
from assay.kernel.storage.mapping import RowMapper, bound, values_of
from assay.kernel.storage.sql import Prepared
from assay.kernel.storage.tables import jobs
from assay.kernel.storage.unit_of_work import SqlStore, UnitOfWork
from assay.records import encode_text

_T = model_jobs.c
_J = jobs.c
_M = models.c

_WITH_JOB = model_jobs.join(
    jobs, and_(_J.organization_id == _T.organization_id, _J.job_id == _T.job_id)
)
_WITH_MODEL = _WITH_JOB.join(
    models, and_(_M.organization_id == _T.organization_id, _M.model_id == _T.model_id)
)
_JOBS = RowMapper(ModelJob, model_jobs)
_SELECT = select(
    *_JOBS.columns,
    _M.project_path.label("model_project_path"),
    _J.state,
    _J.error,
    _J.started_at,
    _J.ended_at,
).select_from(_WITH_MODEL)
_ORG = _T.organization_id == bindparam("org")
_GET = Prepared(_SELECT.where(_ORG, _T.job_id == bindparam("job")))
_INSERT = Prepared(model_jobs.insert())
_SET_FACTS = Prepared(
    update(model_jobs).where(_ORG, _T.job_id == bindparam("job")).values(bound("facts"))
)
_OF_MODEL = and_(_ORG, _T.model_id == bindparam("of_model"))
_OF_VERSION = and_(
    _OF_MODEL,
    or_(_T.version_id == bindparam("version"), _T.source_version_id == bindparam("version")),
)
_RUNNING = select(_T.job_id).select_from(_WITH_JOB).order_by(_T.job_id).limit(1)
_RUNNING_OF_MODEL = Prepared(_RUNNING.where(_OF_MODEL, _J.ended_at.is_(None)))
_RUNNING_OF_VERSION = Prepared(_RUNNING.where(_OF_VERSION, _J.ended_at.is_(None)))
_JOBS_OF_MODEL = Prepared(select(_T.job_id).where(_OF_MODEL))


class ModelJobs(SqlStore):
    """Jobs of models; their state, times and error are always those of their job in the ledger."""

    def create(self, organization_id: str, job_id: str, new: NewModelJob) -> ModelJob:
        """Store what a job, which was submitted before, does for a model; NotFound if that is absent."""
        self._db[Models].get(organization_id, new.model_id)
        values = values_of(
            model_jobs,
            new,
            organization_id=organization_id,
            job_id=job_id,
            created_at=self._db.now(),
        )
        self._db.run(_INSERT, **values)
        return self.get(organization_id, job_id)

    def get(self, organization_id: str, job_id: str) -> ModelJob:
        """Return a job, or NotFound."""
        row = self._db.one(_GET, org=organization_id, job=job_id)
        if row is None:
            raise NotFound.of("training, pruning or evaluation job", job_id)
        return _JOBS.read(row)

    def set_facts(self, organization_id: str, job_id: str, facts: Facts) -> None:
        """Store what became known of a job, such as what a search chose; NotFound if it is absent."""
        found = self.get(organization_id, job_id)
        self._db.run(_SET_FACTS, org=organization_id, job=found.job_id, facts=encode_text(facts))

    def list(
        self,
        organization_id: str,
        *,
        limit: int,
        after: Cursor | None = None,
        model_id: str | None = None,
        job_type: JobType | None = None,
    ) -> Page[ModelJob]:
        """Return a page of jobs, newest first, of one model and of one type if these are given."""
        statement = _SELECT.where(_T.organization_id == organization_id)
        if model_id is not None:
            statement = statement.where(_T.model_id == model_id)
        if job_type is not None:
            statement = statement.where(_T.job_type == job_type.value)
        return newest_page(self._db, statement, _T.job_id, _JOBS.read, limit=limit, after=after)


class JobsOfModels(ModelDeletion):
    """Keeps a model while one of its jobs has not ended; lets the blobs of the others go."""

    def check(self, uow: UnitOfWork, organization_id: str, model_id: str) -> None:
        """Raise ResourceInUse, which names a job that has not ended."""
        running = uow.one(_RUNNING_OF_MODEL, org=organization_id, of_model=model_id)
        if running is not None:
            raise _in_use(f"The model '{model_id}'", running.job_id, model_id=model_id)
        for row in uow.all(_JOBS_OF_MODEL, org=organization_id, of_model=model_id):
            uow[BlobReferences].remove(organization_id, job_owner(row.job_id))


class JobsOfVersions(VersionDeletion):
    """Keeps a version while a job makes or reads it."""

    def check(
        self,
        uow: UnitOfWork,
        organization_id: str,
        model_id: str,
        version_id: str,
        *,
        cascade: bool,  # jobs that ended never hold it
    ) -> None:
        """Raise ResourceInUse, which names a job that has not ended."""
        running = uow.one(
            _RUNNING_OF_VERSION, org=organization_id, of_model=model_id, version=version_id
        )
        if running is not None:
            raise _in_use(f"The version '{version_id}'", running.job_id, version_id=version_id)


class VersionsOfCanceledJobs(Cancellation):
    """Makes the version failed that a job would have made, had it not been canceled before it ran."""

    def canceled(self, uow: UnitOfWork, job: Job) -> None:
        """Mark the version."""
        if job.kind in KINDS.values():
            fail_version(uow, uow[ModelJobs].get(job.organization_id, job.job_id))


def fail_version(uow: UnitOfWork, job: ModelJob) -> None:
    """Make the version failed that a job without a result was to make; others stay as they are."""
    version = uow[Versions].get(job.organization_id, job.model_id, job.version_id)
    makes_it = job.job_type is not JobType.EVALUATION
    if makes_it and version.status is VersionStatus.TRAINING:
        failure = None if job.error is None else job.error.message
        uow[Versions].mark_failed(
            job.organization_id, job.model_id, job.version_id, failure_message=failure
        )


def _in_use(what: str, job_id: str, **metadata: object) -> ResourceInUse:
    return ResourceInUse(
        f"{what} cannot be deleted while its job '{job_id}' has not ended. Wait for it, or cancel "
        "it.",
        metadata={**metadata, "job_id": job_id},
    )
