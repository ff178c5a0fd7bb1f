"""InferenceHistoryService."""

from __future__ import annotations

from datetime import datetime

from assay.features.inference import convert, history_query
from assay.features.inference.history_query import HistoryQuery
from assay.features.inference.history_service import InferenceHistoryReader
from assay.features.inference.model import CHUNK_SIZE, MAX_CHUNKS, MAX_INPUTS
from assay.kernel.clock import Clock
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.numbered_pages import requested_page
from assay.v1 import inference_history_service_pb2 as pb


class InferenceHistoryService:
    """The history of inference jobs of the caller's organization."""

    def __init__(self, history: InferenceHistoryReader, clock: Clock) -> None:
        self._history, self._clock = history, clock

    async def ListInferenceJobs(
        self, request: pb.ListInferenceJobsRequest, call: Call
    ) -> pb.ListInferenceJobsResponse:
        """List jobs by page."""

        def listed() -> pb.ListInferenceJobsResponse:
            page = self._history.page(call.organization_id, query(request, self._clock.now()))
            jobs = self._history.jobs(call.organization_id, page)
            return pb.ListInferenceJobsResponse(
                jobs=map(convert.inference_job, jobs), has_more=page.has_more
            )

        return await call.run_in_thread(listed)

    async def CancelInferenceJobs(
        self, request: pb.CancelInferenceJobsRequest, call: Call
    ) -> pb.CancelInferenceJobsResponse:
        """Cancel every job that has not ended."""
        del request

        def canceled() -> pb.CancelInferenceJobsResponse:
            page = self._history.cancel(call.organization_id)
            jobs = self._history.jobs(call.organization_id, page)
            return pb.CancelInferenceJobsResponse(jobs=map(convert.inference_job, jobs))

        return await call.run_in_thread(canceled)

    async def GetInferenceFeatures(
        self, request: pb.GetInferenceFeaturesRequest, call: Call
    ) -> pb.InferenceFeatures:
        """Return what a submission may hold."""
        del request, call
        return features()


def query(request: pb.ListInferenceJobsRequest, now: datetime) -> HistoryQuery:
    """Return what a request asks for; raises InvalidArgument."""
    names = ("user", "access_key", "model", "model_identifier", "model_version", "search")
    spelt = {field.name: field.json_name for field in request.DESCRIPTOR.fields}
    start, end = history_query.period(request.start_date, request.end_date, now)
    return HistoryQuery(
        **{name: history_query.terms(spelt[name], getattr(request, name)) for name in names},
        states=history_query.states(request.status),
        start=start,
        end=end,
        sort=history_query.order(request.sort_by, request.direction),
        page=requested_page(request),
    )


def features() -> pb.InferenceFeatures:
    """Return what a submission may hold."""
    return pb.InferenceFeatures(
        input_chunk_maximum_size=CHUNK_SIZE,
        maximum_input_chunks=MAX_CHUNKS,
        maximum_inputs_per_job=MAX_INPUTS,
    )
