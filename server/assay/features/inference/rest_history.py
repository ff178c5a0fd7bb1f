"""The REST views of the history of inference jobs: arrays of details, page by page."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

from assay.features.inference.history_api import features, query
from assay.features.inference.history_service import HistoryPage, InferenceHistoryReader
from assay.features.inference.model import InferenceJob
from assay.features.inference.rest import JobDetailsView, JobModelView, details, model
from assay.features.inference.rest_results import json_stream
from assay.kernel.clock import Clock
from assay.kernel.rpc import rest
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.numbered_pages import add_links, check_query, requested_page
from assay.kernel.rpc.rest import Body, CamelRecord, Count
from assay.v1 import inference_history_service_pb2 as pb


class JobSummaryView(CamelRecord):
    """A job in short."""

    job_identifier: str  # A UUID.
    status: str  # OPEN, SUBMITTED, IN_PROGRESS, COMPLETED, CANCELED, TIMEDOUT or ERROR.
    model: JobModelView  # What it runs.


class JobFeaturesView(CamelRecord):
    """What a submission may hold."""

    input_chunk_maximum_size: str  # The most bytes of a chunk of a file, such as 1Mi.
    maximum_input_chunks: Count  # The most chunks of an item.
    maximum_inputs_per_job: Count  # The most inputs of a job.


class InferenceHistoryRestService:
    """The history of inference jobs of the caller's organization, for REST callers."""

    def __init__(self, history: InferenceHistoryReader, clock: Clock) -> None:
        self._history, self._clock = history, clock

    async def ListInferenceJobs(
        self, request: pb.ListInferenceJobsRequest, call: Call
    ) -> AsyncGenerator[Body[tuple[JobDetailsView, ...]], None]:
        """List the details of jobs by page."""
        page = await call.run_in_thread(lambda: self._page(request, call))

        def parts() -> Iterator[bytes]:
            now, mark = self._clock.now(), "["
            for job in self._history.jobs(call.organization_id, page):
                yield (mark + rest.text(details(job, now))).encode()
                mark = ","
            yield b"]" if mark == "," else b"[]"

        async with aclosing(json_stream(call, parts())) as stream:
            async for part in stream:
                yield part

    async def ListInferenceJobSummaries(
        self, request: pb.ListInferenceJobsRequest, call: Call
    ) -> Body[tuple[JobSummaryView, ...]]:
        """List jobs in short by page."""
        return await call.run_in_thread(lambda: self._summaries(call, self._page(request, call)))

    async def CancelInferenceJobs(
        self, request: pb.CancelInferenceJobsRequest, call: Call
    ) -> Body[tuple[JobSummaryView, ...]]:
        """Cancel every job that has not ended."""
        del request
        return await call.run_in_thread(
            lambda: self._summaries(call, self._history.cancel(call.organization_id))
        )

    async def GetInferenceFeatures(
        self, request: pb.GetInferenceFeaturesRequest, call: Call
    ) -> Body[JobFeaturesView]:
        """Return what a submission may hold."""
        del request, call
        known = features()
        return rest.body(
            JobFeaturesView(
                input_chunk_maximum_size=known.input_chunk_maximum_size,
                maximum_input_chunks=known.maximum_input_chunks,
                maximum_inputs_per_job=known.maximum_inputs_per_job,
            )
        )

    def _page(self, request: pb.ListInferenceJobsRequest, call: Call) -> HistoryPage:
        check_query(call)
        page = self._history.page(call.organization_id, query(request, self._clock.now()))
        add_links(call, requested_page(request), has_more=page.has_more)
        return page

    def _summaries(self, call: Call, page: HistoryPage) -> Body[tuple[JobSummaryView, ...]]:
        jobs = self._history.jobs(call.organization_id, page)
        return rest.body(tuple(map(summary, jobs)))


def summary(job: InferenceJob) -> JobSummaryView:
    """Return a job in short."""
    return JobSummaryView(job_identifier=job.job_id, status=job.status, model=model(job))
