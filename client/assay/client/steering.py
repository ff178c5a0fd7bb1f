"""The calls that follow and steer jobs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from assay.client import convert, types
from assay.client.administration import PAGE
from assay.client.transport import Transport
from assay.client.watching import watch
from assay.v1 import job_service_pb2
from assay.v1.job_service_pb2_grpc import JobServiceStub


class Steering:
    """Jobs; part of `Client`."""

    _transport: Transport

    @property
    def _jobs(self) -> JobServiceStub:
        return JobServiceStub(self._transport.channel)

    def get_job(self, job_id: str) -> types.Job:
        """Return one job."""
        request = job_service_pb2.GetJobRequest(job_id=job_id)
        return convert.job(self._transport.call(self._jobs.GetJob, request))

    def list_jobs(
        self,
        *,
        kind: str = "",
        status: Sequence[str] = (),
        resource_id: str = "",
        created_after: datetime | None = None,
        created_before: datetime | None = None,
    ) -> Iterator[types.Job]:
        """Yield jobs, newest first, reading page after page; each filter narrows the listing.

        Args:
            kind: only jobs of this kind, such as evaluation.
            status: only jobs in one of these states, such as queued and running.
            resource_id: only jobs that make this resource.
            created_after: only jobs submitted then or later.
            created_before: only jobs submitted earlier.
        """
        request = job_service_pb2.ListJobsRequest(
            kind=kind, status=status, resource_id=resource_id, page_size=PAGE
        )
        if created_after is not None:
            request.created_after.FromDatetime(created_after)
        if created_before is not None:
            request.created_before.FromDatetime(created_before)
        while True:
            page = self._transport.call(self._jobs.ListJobs, request)
            yield from map(convert.job, page.jobs)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def cancel_job(self, job_id: str) -> types.Job:
        """Cancel a job that has not ended; watch a running one to see its end."""
        request = job_service_pb2.CancelJobRequest(job_id=job_id)
        return convert.job(self._transport.call(self._jobs.CancelJob, request, again=False))

    def watch(
        self, job_id: str, after_sequence: int = 0
    ) -> Iterator[types.JobEvent | types.DocumentsCompared | types.JobLevel]:
        """Yield a job's events after a sequence, each once and in order, to its terminal event.

        Levels – progress and live metrics – come between them, only the newest of each. A
        connection that breaks is taken up where it stood.

        Example:
            >>> for item in client.watch(job_id):
            ...     print(item)
        """
        return watch(self._transport, job_id, after_sequence)
