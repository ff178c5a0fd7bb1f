"""The REST views of results: the results object of document 004 and its family, written in parts.

A document is as long as its job has inputs, so that it is written page by page as it is sent.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing
from functools import lru_cache, partial
from typing import Any
from urllib.parse import quote

from google.api import httpbody_pb2
from msgspec import UNSET, UnsetType
from msgspec.json import Decoder

from assay.features.inference.model import InferenceJob, InputOutput, InputState
from assay.features.inference.rest import TeamView
from assay.features.inference.results_service import JobResults, ResultReader
from assay.features.inference.streams import in_parts
from assay.kernel.rpc import rest
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.rest import Body, CamelRecord, Count, Instant
from assay.kernel.rpc.values import offset_millis
from assay.kernel.storage.sql import Row, micros, moment
from assay.v1 import inference_result_service_pb2 as pb

JSON_TYPE = "application/json"
TAKEN = ("datasource", "vote")  # what other paths of a job's results begin with
PART_BYTES = 256 * 1024  # of a document, sent at once

_OUTPUTS = Decoder(tuple[InputOutput, ...])


class VotingView(CamelRecord):
    """What people thought of a result."""

    up: Count  # Votes for it.
    down: Count  # Votes against it.


class InputResultView(CamelRecord):
    """An input item. Beside these keys it has one for each output, by the output's name: JSON as it is, of any other media type the URL to download it from."""

    status: InputState  # FETCHING_DATA, PROCESSING, SUCCESSFUL or FAILED.
    engine: str  # The process that ran it; empty where none did.
    input_fetching: Count  # Milliseconds that fetching it took.
    output_uploading: Count | None  # Milliseconds that storing outputs took; null: untold.
    model_latency: float  # Milliseconds that the model ran.
    queue_time: Count  # Milliseconds from the job's submission until it began to run.
    start_time: Instant | UnsetType  # When it began to run; absent until then.
    update_time: Instant  # When its status changed last.
    end_time: Instant | UnsetType  # When it finished; absent until then.
    elapsed_time: Count  # Milliseconds between its start and its end.
    error: str | UnsetType  # Why it failed.
    voting: VotingView


class ResultsHeader(CamelRecord):
    """What the results of a job begin with."""

    job_identifier: str  # The job.
    account_identifier: str  # The organization.
    team: TeamView  # The organization.
    total: Count  # Inputs of the job.
    completed: Count  # Inputs that the model processed.
    failed: Count  # Inputs that failed.
    finished: bool  # Whether the job has ended, however it did.
    submitted_by_key: str  # The public prefix of the API key; empty for a token.
    explained: bool  # Whether each output is explained.
    submitted_at: Instant | UnsetType  # When the inputs were complete; absent until then.
    initial_queue_time: Count  # Milliseconds from the submission until it began to run, or now.
    total_queue_time: Count  # The queueTime of all inputs that ran, together.
    average_model_latency: float  # Milliseconds that the model ran for an input.
    total_model_latency: float  # Milliseconds that it ran for all of them together.
    elapsed_time: Count  # Milliseconds from the submission to the end, or until now.
    starting_result_summarizing: Instant  # When an input finished last.
    result_summarizing: Count  # Milliseconds from then to the end of the job.
    job_queue_time: Count  # As initialQueueTime.
    job_processed_time: Count  # Milliseconds from the job's start to its end, or until now.
    job_elapsed_time: Count  # As elapsedTime.
    input_size: Count  # Bytes of all inputs as they were sent.


class ResultsView(ResultsHeader):
    """The results of a job."""

    results: dict[str, InputResultView]  # Successful inputs by name, in the order of the job.
    failures: dict[str, InputResultView]  # Failed inputs by name, in the order of the job.


class JobEndView(CamelRecord):
    """The end of a job, in the stream of its results."""

    job_identifier: str  # The job.
    status: str  # COMPLETED, CANCELED, TIMEDOUT or ERROR.
    total: Count  # Inputs of the job.
    completed: Count  # Inputs that the model processed.
    failed: Count  # Inputs that failed.
    finished: bool  # True.


def job_end(job: InferenceJob) -> JobEndView:
    """Return how a job ended."""
    return JobEndView(
        job_identifier=job.job_id,
        status=job.status,
        total=job.total,
        completed=job.completed,
        failed=job.failed,
        finished=job.is_finished,
    )


def header(found: JobResults) -> ResultsHeader:
    """Return what the results of a job begin with."""
    job, times = found.job, found.latencies
    elapsed, queued = job.elapsed_ms(found.at), job.queue_ms(found.at)
    end = job.ended_at or job.counted_at
    return ResultsHeader(
        job_identifier=job.job_id,
        account_identifier=job.organization_id,
        team=TeamView(identifier=job.organization_id),
        total=job.total,
        completed=job.completed,
        failed=job.failed,
        finished=job.is_finished,
        submitted_by_key=job.key_prefix or "",
        explained=job.explain,
        submitted_at=UNSET if job.submitted_at is None else offset_millis(job.submitted_at),
        initial_queue_time=queued,
        total_queue_time=times.queue_ms,
        average_model_latency=times.model_ms / times.inputs if times.inputs else 0.0,
        total_model_latency=float(times.model_ms),
        elapsed_time=elapsed,
        starting_result_summarizing=offset_millis(job.counted_at),
        result_summarizing=max(0, round((end - job.counted_at).total_seconds() * 1000)),
        job_queue_time=queued,
        job_processed_time=max(0, elapsed - queued),
        job_elapsed_time=elapsed,
        input_size=job.input_bytes,
    )


class EntryWriter:
    """Writes the objects of a job's inputs."""

    def __init__(
        self,
        job: InferenceJob,
        blob: Callable[[str], Iterator[bytes]] | None = None,
        votes: Mapping[int, tuple[int, int]] | None = None,
    ) -> None:
        """Take the votes, and what reads a blob: without it such an output is told by its URL."""
        self._job, self._blob, self._votes = job, blob, votes or {}
        self._since = micros(job.submitted_at or job.created_at)

    def entry(self, row: Row) -> Iterator[bytes]:
        """Yield an input's object; only large outputs are parts of their own."""
        written = self._known(row)
        for output in _OUTPUTS.decode(row.outputs):
            written += f",{_quoted(output.name)}:"
            if output.media_type.partition(";")[0] == JSON_TYPE and output.inline is not None:
                written += rest.safe(output.inline)
            elif output.media_type.partition(";")[0] == JSON_TYPE and self._blob is not None:
                yield written.encode()
                yield from self._blob(output.blob or "")
                written = ""
            else:
                written += rest.text(output_path(self._job, row.name, output.name))
        yield f"{written}}}".encode()

    def _known(self, row: Row) -> str:
        """Return the keys of an input that are no outputs, without the end of its object.

        As `InputResultView`, at a quarter of what writing that would take.
        """
        elapsed = row.elapsed_ms or 0
        queued = max(0, ((row.started_at or row.updated_at) - self._since) // 1000)
        up, down = self._votes.get(row.position, (0, 0))
        error = "" if row.error is None else f'"error":{rest.text(row.error)},'
        return (
            f'{{"status":"{row.state}","engine":{_quoted(row.engine or "")},"inputFetching":0,'
            f'"outputUploading":null,"modelLatency":{elapsed},"queueTime":{queued},'
            f"{_time('startTime', row.started_at)}{_time('updateTime', row.updated_at)}"
            f'{_time("endTime", row.ended_at)}"elapsedTime":{elapsed},{error}'
            f'"voting":{{"up":{up},"down":{down}}}'
        )


class DocumentWriter:
    """Writes the results object of one job."""

    def __init__(self, reader: ResultReader, found: JobResults) -> None:
        self._reader, self._found = reader, found
        blob = partial(reader.blob, found.job.organization_id, found.job.job_id)
        self._entry = EntryWriter(found.job, blob, found.votes).entry

    def whole(self) -> Iterator[bytes]:
        """Yield the document of all inputs that had finished."""
        failed: list[int] = []
        yield self._begin()
        yield from self._entries(self._successes(failed))
        yield b'},"failures":{'
        yield from self._entries(self._reader.rows(self._found, failed))
        yield b"}}"

    def single(self, row: Row) -> Iterator[bytes]:
        """Yield the document of one input, finished or not."""
        is_failed = row.state == InputState.FAILED.value
        yield self._begin()
        yield from self._entries(iter([] if is_failed else [[row]]))
        yield b'},"failures":{'
        yield from self._entries(iter([[row]] if is_failed else []))
        yield b"}}"

    def _begin(self) -> bytes:
        return f'{rest.text(header(self._found))[:-1]},"results":{{'.encode()

    def _successes(self, failed: list[int]) -> Iterator[list[Row]]:
        """Yield pages of successful inputs, and note the positions of failed ones."""
        successful = InputState.SUCCESSFUL.value
        for rows in self._reader.pages(self._found):
            failed += [row.position for row in rows if row.state != successful]
            yield [row for row in rows if row.state == successful]

    def _entries(self, pages: Iterator[list[Row]]) -> Iterator[bytes]:
        comma = ""
        for rows in pages:
            for row in rows:
                yield f"{comma}{rest.text(row.name)}:".encode()
                yield from self._entry(row)
                comma = ","


def output_path(job: InferenceJob, input_name: str, output_name: str) -> str:
    """Return where an output is downloaded from."""
    job_id, name, output = (quote(one, safe="") for one in (job.job_id, input_name, output_name))
    if input_name in TAKEN:
        return f"/api/results/{job_id}/datasource/{name}/output/{output}"
    return f"/api/results/{job_id}/{name}/{output}"


def gathered(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield small parts together, in parts of PART_BYTES or a little more."""
    held: list[bytes] = []
    size = 0
    for part in parts:
        held.append(part)
        size += len(part)
        if size >= PART_BYTES:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)


class InferenceResultRestService:
    """Results of inference jobs of the caller's organization, for REST callers."""

    def __init__(self, reader: ResultReader) -> None:
        self._reader = reader

    async def GetInferenceResults(
        self, request: pb.GetInferenceResultsRequest, call: Call
    ) -> AsyncGenerator[Body[ResultsView], None]:
        """Return the results of a job."""

        def begin() -> Iterator[bytes]:
            found = self._reader.results(call.organization_id, request.job_id)
            return DocumentWriter(self._reader, found).whole()

        async with aclosing(json_stream(call, await call.run_in_thread(begin))) as parts:
            async for part in parts:
                yield part

    async def GetInferenceResult(
        self, request: pb.GetInferenceResultRequest, call: Call
    ) -> AsyncGenerator[Body[ResultsView], None]:
        """Return the results of a job with one input alone."""

        def begin() -> Iterator[bytes]:
            found, row = self._reader.one(call.organization_id, request.job_id, request.input_name)
            return DocumentWriter(self._reader, found).single(row)

        async with aclosing(json_stream(call, await call.run_in_thread(begin))) as parts:
            async for part in parts:
                yield part


async def json_stream(call: Call, parts: Iterator[bytes]) -> AsyncGenerator[Any, None]:
    """Yield JSON that is made in small parts as the parts of one reply."""
    async with aclosing(in_parts(call, gathered(parts))) as stream:
        async for data in stream:
            body = httpbody_pb2.HttpBody(content_type=JSON_TYPE, data=data)
            yield body.SerializeToString()


@lru_cache(maxsize=256)  # inputs that ran together share their times, and their engine
def _time(key: str, at: int | None) -> str:
    return "" if at is None else f'"{key}":"{offset_millis(moment(at))}",'


_quoted = lru_cache(maxsize=64)(rest.text)
