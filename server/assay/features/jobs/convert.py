"""Jobs as messages, and the filters of their listings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from assay.kernel.errors import InvalidArgument, clip
from assay.kernel.jobs.job import Job, JobFilter
from assay.kernel.jobs.states import JobState
from assay.kernel.rpc import values
from assay.kernel.rpc.messages import message_of
from assay.v1 import job_pb2, job_service_pb2

_WORDS = {state.value.lower(): state for state in JobState}


def job(stored: Job, progress: Mapping[str, Any] | None) -> job_pb2.Job:
    """Return a job and its newest progress as a message."""
    return message_of(
        job_pb2.Job,
        stored,
        status=stored.state.value.lower(),
        resource_id=stored.resource or "",
        progress=_progress(progress or {"rows": stored.next_row}),
        next_attempt_at=values.timestamp(_next_attempt(stored)),
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


def _progress(data: Mapping[str, Any]) -> job_pb2.JobProgress:
    return job_pb2.JobProgress(
        done=data.get("done", 0), total=data.get("total", 0), rows=data.get("rows", 0)
    )
