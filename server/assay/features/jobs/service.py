"""Jobs: read, list and cancel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assay.kernel.jobs.events import StatusUpdates
from assay.kernel.jobs.job import Job, JobFilter
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.rpc.paging import Listing, cursor, listing, page_size
from assay.kernel.storage.store import Store
from assay.kernel.storage.unit_of_work import UnitOfWork

JobAndProgress = tuple[Job, Mapping[str, Any] | None]


class JobUseCases:
    """The jobs of an organization."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, organization_id: str, job_id: str) -> JobAndProgress:
        """Return a job and its newest progress; raises NotFound."""
        with self._store.read() as uow:
            return _with_progress(uow, uow[Jobs].get(organization_id, job_id))

    def list(
        self, organization_id: str, chosen: JobFilter, size: int, token: str
    ) -> Listing[JobAndProgress]:
        """Return a page of the jobs that `chosen` names, newest first, with their progress.

        Raises:
            InvalidArgument: a bad page size.
            BadPageToken: the token is of another listing.
        """
        scope = self._store.scope(f"jobs/{organization_id}/{chosen}")
        limit, after = page_size(size), cursor(token, scope)
        with self._store.read() as uow:
            page = uow[Jobs].list(organization_id, limit=limit, after=after, chosen=chosen)
            return listing(page, scope, lambda job: _with_progress(uow, job))

    def cancel(self, organization_id: str, job_id: str) -> JobAndProgress:
        """Ask a job to end: at once where nothing runs, else at the runner's next sign of life.

        Raises:
            NotFound: no such job.
            JobNotCancelable: the job has ended.
        """
        with self._store.write() as uow:
            return _with_progress(uow, uow[Jobs].request_cancel(organization_id, job_id))


def _with_progress(uow: UnitOfWork, job: Job) -> JobAndProgress:
    status = uow[StatusUpdates].after(job.organization_id, job.job_id, 0)
    progress = next((one.data for one in status if one.key == "progress"), None)
    return job, progress
