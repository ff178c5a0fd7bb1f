"""Jobs of models: submitted, read, listed, canceled; and the artifacts that they made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from assay.features.artifacts.store import VersionArtifacts
from assay.features.models.store import Models
from assay.features.training.model import ModelJob, job_type
from assay.features.training.store import ModelJobs
from assay.features.training.submission_service import JobRequest, Submissions
from assay.kernel.errors import FailedPrecondition
from assay.kernel.jobs.events import StatusUpdates
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.kernel import Kernel
from assay.kernel.rpc.paging import Listing, cursor, listing, page_size
from assay.kernel.storage.failures import data_of
from assay.kernel.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, kw_only=True)
class KnownJob:
    """A job and its newest progress."""

    job: ModelJob
    progress: Mapping[str, Any]  # counts by name; empty before it runs


@dataclass(frozen=True, kw_only=True)
class JobQuery:
    """Which jobs are listed."""

    model_project_path: str = ""  # empty: of all models
    job_type: str = ""  # empty: of any type
    page_size: int = 0
    page_token: str = ""


class ModelJobUseCases:
    """The jobs of an organization's models; blocking, and safe to share between threads."""

    def __init__(self, kernel: Kernel) -> None:
        self._store = kernel.store
        self._blobs = kernel.blobs
        self._submissions = Submissions(
            kernel.store, kernel.blobs, max_attempts=kernel.limits.max_attempts
        )

    def submit(self, organization_id: str, request: JobRequest) -> KnownJob:
        """Queue a job, or return that of a repeat; raises what `Submissions.submit` raises."""
        submitted = self._submissions.submit(organization_id, request)
        with self._store.read() as uow:
            return _known(uow, uow[ModelJobs].get(organization_id, submitted))

    def get(self, organization_id: str, job_id: str) -> KnownJob:
        """Return one job; raises NotFound."""
        with self._store.read() as uow:
            return _known(uow, uow[ModelJobs].get(organization_id, job_id))

    def list(self, organization_id: str, query: JobQuery) -> Listing[KnownJob]:
        """Return a page of jobs, newest first.

        Raises:
            InvalidArgument: a bad job type or page size.
            NotFound: no model has the path.
            BadPageToken: the token is of another listing.
        """
        wanted = job_type(query.job_type) if query.job_type else None
        path = query.model_project_path
        scope = self._store.scope(f"model_jobs/{organization_id}/{wanted}/{path}")
        limit, after = page_size(query.page_size), cursor(query.page_token, scope)
        with self._store.read() as uow:
            model = uow[Models].by_path(organization_id, path) if path else None
            page = uow[ModelJobs].list(
                organization_id,
                limit=limit,
                after=after,
                model_id=None if model is None else model.model_id,
                job_type=wanted,
            )
            return listing(page, scope, lambda job: _known(uow, job))

    def cancel(self, organization_id: str, job_id: str) -> KnownJob:
        """Ask a job to end: at once where nothing runs, else at the runner's next sign of life.

        Raises:
            NotFound: no such job.
            JobNotCancelable: it has ended.
        """
        with self._store.write() as uow:
            uow[ModelJobs].get(organization_id, job_id)  # another kind of job is absent here
            uow[Jobs].request_cancel(organization_id, job_id)
            return _known(uow, uow[ModelJobs].get(organization_id, job_id))

    def open_artifact(self, organization_id: str, model_id: str, version_id: str) -> BinaryIO:
        """Open the artifact of a version.

        Raises:
            NotFound: no such model or version.
            FailedPrecondition: the version runs nothing, or is served elsewhere.
            DataDamaged: it is not what was stored.
        """
        with self._store.read() as uow:
            model = uow[Models].get(organization_id, model_id)
            made = uow[VersionArtifacts].of(model, version_id)
        if not made.artifact.blob:
            raise FailedPrecondition(
                f"The version '{version_id}' is served elsewhere, so there is no file of it.",
                metadata={"version_id": version_id, "kind": made.artifact.kind},
            )
        with data_of("version", version_id):
            return self._blobs.open(organization_id, made.artifact.blob)


def _known(uow: UnitOfWork, job: ModelJob) -> KnownJob:
    status = uow[StatusUpdates].after(job.organization_id, job.job_id, 0)
    progress = next((one.data for one in status if one.key == "progress"), {})
    return KnownJob(job=job, progress=progress)
