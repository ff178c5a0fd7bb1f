"""The handlers of InferenceResultService: results at once, downloads, and results as they finish."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from functools import partial

from google.api import httpbody_pb2
from msgspec import Raw

from assay.features.inference import convert
from assay.features.inference.rest_results import JSON_TYPE, EntryWriter, job_end
from assay.features.inference.results_convert import inference_result
from assay.features.inference.results_service import ResultReader
from assay.features.inference.results_store import read
from assay.features.inference.results_watch import SHARED_PAGES, ResultWatches, Told
from assay.features.inference.streams import in_parts
from assay.kernel.jobs.watch import MAX_BOOKMARK_SECONDS
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.watch import (
    RETRY_MILLISECONDS,
    Frame,
    check_watcher,
    event_stream,
    resume_point,
    server_sent_event,
)
from assay.kernel.shared_calls import SharedCalls
from assay.v1 import inference_result_pb2
from assay.v1 import inference_result_service_pb2 as pb


class InferenceResultService:
    """Results of inference jobs of the caller's organization."""

    def __init__(self, reader: ResultReader, watches: ResultWatches) -> None:
        self._reader = reader
        self._watches = watches
        self._shared = SharedCalls[bytes](SHARED_PAGES)

    async def GetInferenceResults(
        self, request: pb.GetInferenceResultsRequest, call: Call
    ) -> AsyncGenerator[bytes, None]:
        """Stream a job and its finished inputs."""
        found = await call.run_in_thread(
            lambda: self._reader.results(call.organization_id, request.job_id)
        )

        def parts() -> Iterator[bytes]:
            first = pb.GetInferenceResultsResponse(job=convert.inference_job(found.job))
            for rows in self._reader.pages(found):
                results = [inference_result(read(row)) for row in rows]
                first.MergeFrom(pb.GetInferenceResultsResponse(results=results))
                yield first.SerializeToString(deterministic=True)
                first = pb.GetInferenceResultsResponse()
            if first.HasField("job"):
                yield first.SerializeToString(deterministic=True)

        async with aclosing(in_parts(call, parts())) as stream:
            async for part in stream:
                yield part

    async def GetInferenceResult(
        self, request: pb.GetInferenceResultRequest, call: Call
    ) -> inference_result_pb2.InferenceResult:
        """Return one input of a job."""
        return inference_result(
            await call.run(
                self._reader.input, call.organization_id, request.job_id, request.input_name
            )
        )

    async def GetInferenceOutput(
        self, request: pb.GetInferenceOutputRequest, call: Call
    ) -> AsyncGenerator[bytes, None]:
        """Download one output of an input."""
        output = await call.run_in_thread(
            lambda: self._reader.output(
                call.organization_id, request.job_id, request.input_name, request.output_name
            )
        )
        call.headers["x-content-type-options"] = "nosniff"
        if output.media_type != JSON_TYPE:
            call.headers["content-disposition"] = "attachment"  # a browser shows none of it
        data = self._reader.data(call.organization_id, request.job_id, output)
        async with aclosing(in_parts(call, data)) as stream:
            async for part in stream:
                body = httpbody_pb2.HttpBody(content_type=output.media_type, data=part)
                yield body.SerializeToString()

    async def WatchInferenceResults(
        self, request: pb.WatchInferenceResultsRequest, call: Call
    ) -> AsyncGenerator[bytes, None]:
        """Stream inputs as they finish."""
        async with aclosing(self._told(call, request, request.after_sequence)) as stream:
            async for told in stream:
                yield await self._encoded(call, told, _message)

    async def WatchInferenceResultEvents(
        self, request: pb.WatchInferenceResultsRequest, call: Call
    ) -> AsyncGenerator[bytes, None]:
        """Stream inputs as Server-Sent Events; a stream resumed after its end is answered 204."""
        after = resume_point(call, request.after_sequence)
        call.headers["cache-control"] = "no-cache"
        begin = b"retry: %d\n\n" % RETRY_MILLISECONDS
        async with aclosing(self._told(call, request, after)) as stream:
            async for told in stream:
                if told.is_last and told.bookmark == after:
                    call.respond(204)  # upon which a browser does not connect anew
                data = await self._encoded(call, told, _frames)
                yield event_stream(begin + data).SerializeToString()
                begin = b""

    async def _encoded(self, call: Call, told: Told, encode: Callable[[Told], bytes]) -> bytes:
        """Return what is told in one of the forms, made once for all watches that tell the same."""
        make = partial(encode, told)
        if not told.rows:
            return make()
        return await self._shared.get((encode, told.key), lambda: call.run_in_thread(make))

    def _told(
        self, call: Call, request: pb.WatchInferenceResultsRequest, after_sequence: int
    ) -> AsyncGenerator[Told, None]:
        check_watcher(call, request.job_id)
        return self._watches.watch(
            call.organization_id,
            request.job_id,
            after_sequence=after_sequence,
            bookmark_seconds=request.bookmark_seconds or MAX_BOOKMARK_SECONDS,
        )


def _frames(told: Told) -> bytes:
    """Return what is told as Server-Sent Events; those with an id may be resumed after."""
    writer = EntryWriter(told.job)
    frames = []
    for sequence, row in told.rows:
        result = Raw(b"".join(writer.entry(row)))
        fields = {"sequence": sequence, "inputName": row.name, "result": result}
        frames.append(Frame("result", sequence if sequence <= told.bookmark else None, fields))
    if told.is_last:
        fields = {"sequence": told.bookmark, "job": job_end(told.job)}
        frames.append(Frame("job", told.bookmark, fields))
    elif not told.rows:
        frames.append(Frame("bookmark", told.bookmark, {"bookmark": told.bookmark}))
    return b"".join(map(server_sent_event, frames))


def _message(told: Told) -> bytes:
    results = [
        inference_result_pb2.InferenceResultEvent(
            sequence=sequence, result=inference_result(read(row))
        )
        for sequence, row in told.rows
    ]
    message = pb.WatchInferenceResultsResponse(
        results=results,
        bookmark=told.bookmark,
        job=convert.inference_job(told.job) if told.is_last else None,
    )
    return message.SerializeToString(deterministic=True)
