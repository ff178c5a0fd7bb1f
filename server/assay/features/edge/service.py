"""Use cases of the edge API, which are those of inference jobs."""

from __future__ import annotations

from functools import partial
from typing import Final

from assay.features.inference.history_service import InferenceHistoryReader
from assay.features.inference.model import InferenceJob
from assay.features.inference.opened_service import Chunk, OpenedJobs
from assay.features.inference.service import InferenceUseCases
from assay.features.inference.storage_service import StorageInputs
from assay.features.inference.submission_service import InferenceRequest, InferenceSubmissions
from assay.kernel.kernel import Kernel

# For which the answer to a poll waits for the job to end: clients ask anew after 10 ms.
POLL_SECONDS: Final = 0.1
STREAM_POLL_SECONDS: Final = 30.0  # after which a stream looks whether a job is still there


class EdgeJobs:
    """Jobs and inferences of an organization."""

    def __init__(self, kernel: Kernel) -> None:
        self._run_in_thread, self._watches = kernel.run_in_thread, kernel.watches
        self._jobs = InferenceUseCases(kernel.store, kernel.watches, kernel.run_in_thread)
        self._submissions = InferenceSubmissions(
            kernel.store,
            kernel.blobs,
            kernel.clock,
            sealer=kernel.sealer,
            max_attempts=kernel.limits.max_attempts,
        )
        self._storages = StorageInputs(kernel)
        self.history = InferenceHistoryReader(kernel.store)
        self.cancel = self._jobs.cancel
        self._opened = OpenedJobs(kernel)

    async def submit(self, organization_id: str, request: InferenceRequest) -> InferenceJob:
        """Queue a job, or open one; raises what `InferenceSubmissions.submit` raises."""
        asked = await self._storages.resolved(request)
        return await self._run_in_thread(partial(self._submissions.submit, organization_id, asked))

    async def get(self, organization_id: str, job_id: str) -> InferenceJob:
        """Return a job: at once where it has ended, else once it has, or after POLL_SECONDS.

        Raises:
            NotFound: no such job.
        """
        read = partial(self._jobs.get, organization_id, job_id)
        job = await self._run_in_thread(read)
        if job.is_finished:
            return job
        await self._watches.wait(organization_id, job_id, POLL_SECONDS)
        return await self._run_in_thread(read)

    async def ended(self, organization_id: str, job_id: str) -> InferenceJob:
        """Return a job once it has ended; raises NotFound."""
        read = partial(self._jobs.get, organization_id, job_id)
        while not (job := await self._run_in_thread(read)).is_finished:
            await self._watches.wait(organization_id, job_id, STREAM_POLL_SECONDS)
        return job

    async def add_chunk(self, organization_id: str, job_id: str, chunk: Chunk) -> None:
        """Append a chunk to an input; raises what `OpenedJobs.add_chunk` raises."""
        await self._opened.add_chunk(organization_id, job_id, chunk)

    async def close(self, organization_id: str, job_id: str) -> InferenceJob:
        """Submit an open job; raises what `InferenceSubmissions.close` raises."""
        return await self._run_in_thread(partial(self._submissions.close, organization_id, job_id))
