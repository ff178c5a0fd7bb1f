"""Results and inferences of the edge API, each as one message of bounded size."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

import msgspec
from google.protobuf.message import Message

from assay.features.edge.convert import model, uint32
from assay.features.edge.model import MAX_ANSWER_BYTES
from assay.features.inference.model import InferenceInput, InputOutput, InputState
from assay.features.inference.results_service import JobResults, ResultReader
from assay.features.inference.results_store import read
from assay.foreign.edge import inferences_pb2, results_pb2
from assay.kernel.errors import NotFound, TooLarge, clip
from assay.kernel.jobs.states import JobState
from assay.kernel.rpc import values

M = TypeVar("M", bound=Message)

JSON_TYPE = "application/json"
_INFERENCES = {
    JobState.OPEN: inferences_pb2.QUEUED,
    JobState.QUEUED: inferences_pb2.QUEUED,
    JobState.RUNNING: inferences_pb2.IN_PROGRESS,
    JobState.SUCCEEDED: inferences_pb2.COMPLETE,
    JobState.FAILED: inferences_pb2.FAILED,
    JobState.CANCELED: inferences_pb2.CANCELED,
    JobState.TIMED_OUT: inferences_pb2.FAILED,
}


class ResultWriter:
    """Writes results of one job; blocking, as outputs may be blobs."""

    def __init__(self, reader: ResultReader, found: JobResults) -> None:
        self._reader, self._found = reader, found
        self._left = MAX_ANSWER_BYTES

    def results(self) -> results_pb2.Results:
        """Return the results of the inputs that have finished; raises TooLarge."""
        job, times, at = self._found.job, self._found.latencies, self._found.at
        message = results_pb2.Results(
            job_identifier=job.job_id,
            account_identifier=job.organization_id,
            submitted_at=None if job.submitted_at is None else values.instant(job.submitted_at),
            total=job.total,
            completed=job.completed,
            failed=job.failed,
            finished=job.is_finished,
            explained=job.explain,
            submitted_by_key=job.key_prefix or "",
            initial_queue_time=uint32(job.queue_ms(at)),
            total_queue_time=uint32(times.queue_ms),
            average_model_latency=times.model_ms / times.inputs if times.inputs else 0.0,
            total_model_latency=times.model_ms,
            elapsed_time=uint32(job.elapsed_ms(at)),
            input_size=uint32(job.input_bytes),
        )
        for rows in self._reader.pages(self._found):
            for row in rows:
                self._add(message, read(row))
        return self._checked(message)

    def result(self, one: InferenceInput) -> results_pb2.Result:
        """Return the result of one input that has finished; NotFound before, or TooLarge."""
        job = self._found.job
        if one.ended_at is None:
            raise NotFound(
                f"The input '{clip(one.name)}' is {one.state.value} and has no result yet. Ask "
                "again later.",
                metadata={"resource_type": "result", "resource_id": one.name},
            )
        up, down = self._found.votes.get(one.position, (0, 0))
        message = results_pb2.Result(
            job=self._job(),
            input_name=one.name,
            start_time=_seconds(one.started_at),
            update_time=_seconds(one.updated_at),
            end_time=_seconds(one.ended_at),
            explained=job.explain,
            engine=one.engine or "",
            model_latency=one.elapsed_ms or 0,
            access_key=job.key_prefix or "",
            input_size=one.size,
            voting=results_pb2.Voting(up=up, down=down),
        )
        if one.state is InputState.FAILED:
            message.result.update({"error": one.error or ""})
        elif (found := self._json(one)) is not None:
            message.result.update(found)
        return self._checked(message)

    def output(self, output: InputOutput) -> results_pb2.ResultOutput:
        """Return the bytes of an output; raises TooLarge."""
        return self._checked(results_pb2.ResultOutput(data=self._data(output)))

    def inference(self, one: InferenceInput) -> inferences_pb2.Inference:
        """Return a job of one input as an inference; raises TooLarge."""
        job = self._found.job
        has_failed = job.state is JobState.SUCCEEDED and one.state is InputState.FAILED
        message = inferences_pb2.Inference(
            identifier=job.job_id,
            model=model(job),
            explain=job.explain,
            status=inferences_pb2.FAILED if has_failed else _INFERENCES[job.state],
            submitted_at=values.instant(job.submitted_at or job.created_at),
            completed_at=None if job.ended_at is None else values.instant(job.ended_at),
        )
        message.elapsed_time.FromMilliseconds(job.elapsed_ms(self._found.at))
        if job.is_finished:
            outputs = message.result.outputs
            for output in one.outputs:
                outputs[output.name].data = self._data(output)
                outputs[output.name].content_type = output.media_type
            if one.state is InputState.FAILED:
                outputs["error"].data = (one.error or "").encode()
                outputs["error"].content_type = "text/plain; charset=utf-8"
        return self._checked(message)

    def _add(self, message: results_pb2.Results, one: InferenceInput) -> None:
        if one.state is InputState.FAILED:
            self._take(len(one.name) + len(one.error or ""))
            told = {"status": one.state.value, "engine": one.engine or "", "error": one.error or ""}
            message.failures[one.name].Pack(values.struct(told))
            return
        up, down = self._found.votes.get(one.position, (0, 0))
        since = self._found.job.submitted_at or self._found.job.created_at
        entry = message.results[one.name]
        entry.status, entry.engine = one.state.value, one.engine or ""
        entry.model_latency = one.elapsed_ms or 0
        entry.update_time.FromDatetime(one.updated_at)
        entry.voting.MergeFrom(results_pb2.Voting(up=up, down=down))
        if one.started_at is not None:
            entry.start_time.FromDatetime(one.started_at)
            waited = (one.started_at - since).total_seconds() * 1000
            entry.queue_time = uint32(max(0, round(waited)))
        if one.ended_at is not None:
            entry.end_time.FromDatetime(one.ended_at)
        if (found := self._json(one)) is not None:
            entry.results.update(found)

    def _job(self) -> results_pb2.Result.Job:
        job = self._found.job
        return results_pb2.Result.Job(
            identifier=job.job_id,
            created_at=_seconds(job.created_at),
            updated_at=_seconds(job.changed_at),
            model=model(job),
            submitted_by=job.submitted_by,
            total_input_count=job.total,
            completed_input_count=job.completed,
            failed_input_count=job.failed,
            submitted_at=_seconds(job.submitted_at),
            input_size=uint32(job.input_bytes),
            finished=job.is_finished,
            elapsed_time=uint32(job.elapsed_ms(self._found.at)),
        )

    def _json(self, one: InferenceInput) -> dict[str, Any] | None:
        """Return the first output of an input that is JSON, as an object."""
        for output in one.outputs:
            if output.media_type.partition(";")[0] == JSON_TYPE:
                found = msgspec.json.decode(self._data(output))
                return found if isinstance(found, dict) else {output.name: found}
        return None

    def _data(self, output: InputOutput) -> bytes:
        self._take(output.size)
        job = self._found.job
        return b"".join(self._reader.data(job.organization_id, job.job_id, output))

    def _take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise _too_large(self._found.job.job_id)

    def _checked(self, message: M) -> M:
        if message.ByteSize() > MAX_ANSWER_BYTES:
            raise _too_large(self._found.job.job_id)
        return message


def _too_large(job_id: str) -> TooLarge:
    return TooLarge(
        f"The answer would be larger than {MAX_ANSWER_BYTES} bytes, which clients of this protocol "
        f"take. Ask for one input at a time, or read GET /api/results/{job_id}.",
        metadata={"limit": MAX_ANSWER_BYTES, "job_id": job_id},
    )


def _seconds(moment: datetime | None) -> int:
    return 0 if moment is None else int(moment.timestamp())
