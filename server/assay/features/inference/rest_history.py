"""The REST views of the history of inference jobs: arrays of details, page by page."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any

from assay.features.inference.history_api import features, query
from assay.features.inference.history_service import HistoryPage, InferenceHistoryReader
from assay.features.inference.model import InferenceJob
from assay.features.inference.rest import JobDetailsView, JobModelView, details, model
from assay.features.inference.rest_results import json_stream
from assay.features.inference.statistics_store import KeyUse
from assay.kernel.clock import Clock
from assay.kernel.rpc import rest
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.numbered_pages import add_links, check_query, requested_page
from assay.kernel.rpc.rest import Body, CamelRecord, Count, Instant
from assay.kernel.rpc.values import offset_millis
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


class UsedVersionView(CamelRecord):
    """A version that jobs ran."""

    identifier: str  # Its model.
    name: str  # The model's name when the jobs were submitted.
    version: str  # The version as people call it: its label, or N.0.0.
    processed_jobs_count: Count  # Jobs that have ended.


class KeyStatisticsView(CamelRecord):
    """What one API key ran."""

    access_key: str  # The public prefix of the key.
    jobs_count: Count  # Jobs that it submitted.
    last_api_usage: Instant | None  # When it submitted the newest one; null where it never did.
    models_count: Count  # Versions in modelsList.
    models_list: tuple[UsedVersionView, ...]  # What they ran, the newest first.


class InferenceHistoryRestService:
    """The history of inference jobs of the caller's organization, for REST callers."""

    def __init__(self, history: InferenceHistoryReader, clock: Clock) -> None:
        self._history, self._clock = history, clock

    async def ListInferenceJobs(
        self, request: pb.ListInferenceJobsRequest, call: Call
    ) -> AsyncGenerator[Body[tuple[JobDetailsView, ...]], None]:
        """List the details of jobs by page."""
        page = await call.run_in_thread(lambda: self._page(request, call))
        async with aclosing(self._details(call, page)) as stream:
            async for part in stream:
                yield part

    async def GetInferenceJobHistory(
        self, request: pb.GetInferenceJobHistoryRequest, call: Call
    ) -> AsyncGenerator[Body[tuple[JobDetailsView, ...]], None]:
        """List the details of one job."""
        page = await call.run_in_thread(
            lambda: self._history.only(call.organization_id, request.job_id)
        )
        async with aclosing(self._details(call, page)) as stream:
            async for part in stream:
                yield part

    async def ListInferenceJobSummaries(
        self, request: pb.ListInferenceJobsRequest, call: Call
    ) -> Body[tuple[JobSummaryView, ...]]:
        """List jobs in short by page."""

        def summaries() -> Body[tuple[JobSummaryView, ...]]:
            jobs = self._history.jobs(call.organization_id, self._page(request, call))
            return rest.body(tuple(map(summary, jobs)))

        return await call.run_in_thread(summaries)

    async def CancelInferenceJobs(
        self, request: pb.CancelInferenceJobsRequest, call: Call
    ) -> AsyncGenerator[Body[tuple[JobDetailsView, ...]], None]:
        """Cancel every job that has not ended."""
        del request
        page = await call.run_in_thread(lambda: self._history.cancel(call.organization_id))
        async with aclosing(self._details(call, page)) as stream:
            async for part in stream:
                yield part

    async def ListInferenceStatistics(
        self, request: pb.ListInferenceStatisticsRequest, call: Call
    ) -> Body[tuple[KeyStatisticsView, ...]]:
        """Return what each API key ran."""
        del request
        return await call.run_in_thread(
            lambda: rest.body(
                tuple(map(statistics, self._history.use_of_keys(call.organization_id)))
            )
        )

    async def GetInferenceStatistics(
        self, request: pb.GetInferenceStatisticsRequest, call: Call
    ) -> Body[KeyStatisticsView]:
        """Return what one API key ran."""
        found = await call.run(self._history.use_of_key, call.organization_id, request.prefix)
        return rest.body(statistics(found))

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

    def _details(self, call: Call, page: HistoryPage) -> AsyncGenerator[Any, None]:
        """Yield the details of the jobs of a page, in parts: the names of inputs may be many."""

        def parts() -> Iterator[bytes]:
            now, mark = self._clock.now(), "["
            for job in self._history.jobs(call.organization_id, page):
                yield (mark + rest.text(details(job, now))).encode()
                mark = ","
            yield b"]" if mark == "," else b"[]"

        return json_stream(call, parts())


def summary(job: InferenceJob) -> JobSummaryView:
    """Return a job in short."""
    return JobSummaryView(job_identifier=job.job_id, status=job.status, model=model(job))


def statistics(use: KeyUse) -> KeyStatisticsView:
    """Return what a key ran."""
    return KeyStatisticsView(
        access_key=use.key_prefix,
        jobs_count=use.jobs,
        last_api_usage=None if use.last_used_at is None else offset_millis(use.last_used_at),
        models_count=len(use.versions),
        models_list=tuple(
            UsedVersionView(
                identifier=one.model_id,
                name=one.model_name,
                version=one.version_label,
                processed_jobs_count=one.ended,
            )
            for one in use.versions
        ),
    )
