"""Jobs: listed, canceled, and watched to their end."""

# Made by `make generate` from aio/jobs.py; never edited.

from __future__ import annotations

from collections.abc import Iterator

from assay.client import calls
from assay.client.methods import TERMINAL_STATES
from assay.client.watching import Item, WatchState, followed


class Jobs(calls.Jobs):
    """Jobs of the caller's organization."""

    def watch(self, job_id: str, after_sequence: int = 0) -> Iterator[Item]:
        """Yield a job's events after a sequence, each once and in order, to its terminal event.

        Status – progress and live metrics – comes between them, only the newest of each kind. A
        connection that breaks is taken up where it stood.

        Example:
            >>> for item in client.jobs.watch(job_id):
            ...     print(item)
        """

        def opened(after: int) -> object:
            return self._open_stream("WatchJob", {"job_id": job_id, "after_sequence": after})

        def is_over(after: int) -> bool:
            job = self.get(job_id)
            return job.status in TERMINAL_STATES and job.last_sequence <= after

        return followed(
            self._transport, WatchState(f"job {job_id}", after_sequence), opened, is_over
        )

    def wait(self, job_id: str) -> None:
        """Return once a job has ended, however it did."""
        for _ in self.watch(job_id):
            pass
