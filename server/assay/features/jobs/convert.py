"""Jobs, their events and levels on the wire, as messages and as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

from assay import records
from assay.features.benchmarks.events import DocumentsCompared, FieldAccuracies
from assay.kernel.errors import MAX_VALUE_CHARS, InvalidArgument, clip
from assay.kernel.jobs.job import Event, Job, JobError, JobFilter, StatusUpdate
from assay.kernel.jobs.states import JobState, is_terminal
from assay.kernel.jobs.watch import Batch
from assay.kernel.rpc import values
from assay.v1 import job_pb2, job_service_pb2

_CAUSES = {
    JobState.RUNNING: "claimed",
    JobState.SUCCEEDED: "finished",
    JobState.FAILED: "failed",
    JobState.CANCELED: "canceled",
    JobState.TIMED_OUT: "deadline_passed",
}
_LEDGER_CAUSES = {
    "GIVEN_BACK": "released",
    "LEASE_LOST": "lease_lost",
    "RETRY_LATER": "retry_later",
    "ATTEMPTS_SPENT": "attempts_spent",
}

_WORDS = {state.value.lower(): state for state in JobState}

Frame = tuple[str, int | None, dict[str, Any]]  # kind, sequence where numbered, JSON object


def state(job_state: JobState) -> job_pb2.JobState.ValueType:
    """Return a state as its enum value."""
    return job_pb2.JobState.Value(f"JOB_STATE_{job_state.value}")


def error(stored: JobError | None) -> job_pb2.JobError | None:
    """Return why a job failed; the violations follow in the message's metadata."""
    return None if stored is None else _job_error(stored)


def _job_error(stored: JobError) -> job_pb2.JobError:
    metadata = {key: str(value)[:MAX_VALUE_CHARS] for key, value in stored.metadata.items()}
    return job_pb2.JobError(reason=stored.reason, message=stored.message, metadata=metadata)


def job(stored: Job, progress: Mapping[str, Any] | None) -> job_pb2.Job:
    """Return a job and its newest progress as a message."""
    return job_pb2.Job(
        job_id=stored.job_id,
        kind=stored.kind,
        status=stored.state.value.lower(),
        state=state(stored.state),
        resource_id=stored.resource or "",
        progress=_progress(progress or {"rows": stored.next_row}),
        attempts=stored.attempts,
        error=error(stored.error),
        created_at=values.timestamp(stored.created_at),
        started_at=values.timestamp(stored.started_at),
        ended_at=values.timestamp(stored.ended_at),
        last_sequence=stored.last_sequence,
        deadline=values.timestamp(stored.deadline),
        next_attempt_at=values.timestamp(_next_attempt(stored)),
        max_attempts=stored.max_attempts,
    )


def _next_attempt(stored: Job) -> datetime | None:
    """Return when a job that was put off is tried again; only of one that waits."""
    return stored.not_before if stored.state is JobState.QUEUED else None


def chosen(request: job_service_pb2.ListJobsRequest) -> JobFilter:
    """Return which jobs a listing shows.

    Raises:
        InvalidArgument: a status that no job has, or a time that is none.
    """
    return JobFilter(
        kind=request.kind or None,
        states=tuple(sorted({_state_of(word) for word in request.status})),
        resource=request.resource_id or None,
        created_after=values.moment("created_after", request),
        created_before=values.moment("created_before", request),
    )


def _state_of(word: str) -> JobState:
    if word not in _WORDS:
        raise InvalidArgument.of(
            "status", f"'{clip(word)}' was sent; allowed are {', '.join(_WORDS)}"
        )
    return _WORDS[word]


def batch(found: Batch) -> job_service_pb2.WatchJobResponse:
    """Return what a watch has to tell as one message."""
    return job_service_pb2.WatchJobResponse(
        events=[event(item, found.error) for item in found.events],
        levels=[item for item in map(level, found.status) if item is not None],
        bookmark=found.bookmark,
    )


def event(stored: Event, job_error: JobError | None) -> job_pb2.JobEvent:
    """Return one event as a message; the terminal one tells the error of its job."""
    message = job_pb2.JobEvent(sequence=stored.sequence)
    message.at.FromDatetime(stored.at)
    if stored.kind == "state":
        message.state_changed.CopyFrom(_state_changed(stored.data, job_error))
    elif stored.kind == DocumentsCompared.name:
        compared = job_pb2.DocumentsCompared(**stored.payload(DocumentsCompared).wire())
        message.documents_compared.CopyFrom(compared)
    return message


def _state_changed(data: Mapping[str, Any], job_error: JobError | None) -> job_pb2.StateChanged:
    to = JobState(data["to"])
    start = JobState(data["from"]) if data.get("from") else None
    changed = job_pb2.StateChanged(to=state(to), cause=_cause(start, to, data.get("reason")))
    if start is not None:
        # `from` is a keyword of Python, so the generated field is reached by name.
        setattr(changed, "from", state(start))
    if is_terminal(to) and job_error is not None:
        changed.error.MergeFrom(_job_error(job_error))
    return changed


def _cause(start: JobState | None, to: JobState, reason: str | None) -> str:
    """Return why a state changed, in the words of StateChanged.cause."""
    if start is None:
        return "submitted"
    if reason in _LEDGER_CAUSES:
        return _LEDGER_CAUSES[reason]
    return "upload_finished" if to is JobState.QUEUED else _CAUSES[to]


def level(stored: StatusUpdate) -> job_pb2.JobLevel | None:
    """Return one level as a message; None for one that is not part of the contract."""
    message = job_pb2.JobLevel(as_of_sequence=stored.as_of_sequence)
    if stored.key == "progress":
        message.progress.CopyFrom(_progress(stored.data))
    elif stored.key == "metrics":
        live = job_pb2.LiveMetrics(
            rows=stored.data.get("rows", 0), metrics=values.metrics(stored.data.get("metrics", {}))
        )
        message.metrics.CopyFrom(live)
    elif stored.key == FieldAccuracies.name:
        accuracies = records.convert(FieldAccuracies, stored.data)
        message.field_accuracy.CopyFrom(job_pb2.FieldAccuracies(**accuracies.wire()))
    else:
        return None
    return message


def _progress(data: Mapping[str, Any]) -> job_pb2.JobProgress:
    return job_pb2.JobProgress(
        done=data.get("done", 0), total=data.get("total", 0), rows=data.get("rows", 0)
    )


def lines(found: Batch) -> list[bytes]:
    """Return a batch as NDJSON, one event, level or bookmark a line."""
    return [_line(kind, message) for kind, _, message in _frames(found)]


def server_sent_events(found: Batch) -> list[bytes]:
    """Return a batch as Server-Sent Events; only numbered ones carry an id to resume after."""
    return [
        (b"id: %d\n" % sequence if sequence is not None else b"")
        + b"event: %s\ndata: %s\n" % (kind.encode(), _line(kind, message))
        for kind, sequence, message in _frames(found)
    ]


def _frames(found: Batch) -> list[Frame]:
    events: list[Frame] = [
        (item.kind, item.sequence, _json(event(item, found.error)) | {"sequence": item.sequence})
        for item in found.events
    ]
    levels: list[Frame] = [
        (one.key, None, _json(message) | {"as_of_sequence": one.as_of_sequence})
        for one in found.status
        if (message := level(one)) is not None
    ]
    if found.is_last:
        return events[:-1] + levels + events[-1:]  # the terminal event is the last word
    if found.bookmark and not events:
        levels.append(("bookmark", found.bookmark, {"bookmark": found.bookmark}))
    return events + levels


def _json(message: Message) -> dict[str, Any]:
    printed: dict[str, Any] = json_format.MessageToDict(message, preserving_proto_field_name=True)
    return printed


def _line(kind: str, message: Mapping[str, Any]) -> bytes:
    return json.dumps({"type": kind, **message}, separators=(",", ":")).encode() + b"\n"
