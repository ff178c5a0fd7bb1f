"""Jobs: listed, canceled, and watched to their end."""

from __future__ import annotations

from collections.abc import AsyncIterator

from assay.client.aio import calls
from assay.client.aio.watching import Item, WatchState, followed
from assay.client.methods import TERMINAL_STATES


class Jobs(calls.Jobs):
    """Jobs of the caller's organization."""

    def watch(self, job_id: str, after_sequence: int = 0) -> AsyncIterator[Item]:
        """Yield a job's events after a sequence, each once and in order, to its terminal event.

        Status – progress and live metrics – comes between them, only the newest of each kind. A
        connection that breaks is taken up where it stood.

        Example:
            >>> async for item in client.jobs.watch(job_id):
            ...     print(item)
        """

        def opened(after: int) -> object:
            return self._open_stream("WatchJob", {"job_id": job_id, "after_sequence": after})

        async def is_over(after: int) -> bool:
            job = await self.get(job_id)
            return job.status in TERMINAL_STATES and job.last_sequence <= after

        return followed(
            self._transport, WatchState(f"job {job_id}", after_sequence), opened, is_over
        )

    async def wait(self, job_id: str) -> None:
        """Return once a job has ended, however it did."""
        async for _ in self.watch(job_id):
            pass
