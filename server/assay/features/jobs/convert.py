"""Jobs as messages, and the filters of their listings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assay.kernel.errors import InvalidArgument, clip
from assay.kernel.jobs.job import Job, JobFilter
from assay.kernel.jobs.states import JobState
from assay.kernel.rpc import values
from assay.kernel.rpc.messages import message_of
from assay.v1 import job_pb2, job_service_pb2

_COUNTS = ("done", "total", "rows")  # of a job's progress
_WORDS = {state.value.lower(): state for state in JobState}


def job(stored: Job, progress: Mapping[str, Any] | None) -> job_pb2.Job:
    """Return a job and its newest progress as a message."""
    waits = stored.state is JobState.QUEUED  # a job that was put off is tried again
    counts = progress or {"rows": stored.next_row}
    return message_of(
        job_pb2.Job,
        stored,
        status=stored.state.value.lower(),
        resource_id=stored.resource or "",
        progress=job_pb2.JobProgress(**{name: counts.get(name, 0) for name in _COUNTS}),
        next_attempt_at=values.timestamp(stored.not_before if waits else None),
    )


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
