"""Inference jobs: read and canceled."""

from __future__ import annotations

from assay.features.inference.model import InferenceJob
from assay.features.inference.store import InferenceJobs
from assay.kernel.errors import JobNotCancelable
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import JobState
from assay.kernel.jobs.watch import Watches
from assay.kernel.storage.store import Store
from assay.kernel.threads import RunInThread

CANCEL_SECONDS = 5.0  # for which a cancel waits until what runs has stopped


class InferenceUseCases:
    """The inference jobs of an organization."""

    def __init__(self, store: Store, watches: Watches, run_in_thread: RunInThread) -> None:
        self._store, self._watches, self._run_in_thread = store, watches, run_in_thread

    def get(self, organization_id: str, job_id: str) -> InferenceJob:
        """Return one job; raises NotFound."""
        with self._store.read() as uow:
            return uow[InferenceJobs].get(organization_id, job_id)

    async def cancel(self, organization_id: str, job_id: str) -> InferenceJob:
        """End a job, and return it once it has ended, or after a few seconds; a canceled one as it is.

        Raises:
            NotFound: no such job.
            JobNotCancelable: it has ended otherwise.
        """
        job = await self._run_in_thread(lambda: self._ask(organization_id, job_id))
        if not job.is_finished:
            await self._watches.wait(organization_id, job_id, CANCEL_SECONDS)
            job = await self._run_in_thread(lambda: self.get(organization_id, job_id))
        return job

    def _ask(self, organization_id: str, job_id: str) -> InferenceJob:
        with self._store.write() as uow:
            job = uow[InferenceJobs].get(organization_id, job_id)  # another kind is absent here
            if job.is_finished and job.state is not JobState.CANCELED:
                raise JobNotCancelable(
                    f"The job '{job_id}' has already ended: {job.status}.",
                    metadata={"job_id": job_id, "state": job.status},
                )
            if not job.is_finished:
                uow[Jobs].request_cancel(organization_id, job_id)
            return uow[InferenceJobs].get(organization_id, job_id)
