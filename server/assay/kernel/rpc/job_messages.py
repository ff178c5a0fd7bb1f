"""States, errors and changes of jobs as messages."""

from __future__ import annotations

from assay.kernel.errors import MAX_VALUE_CHARS
from assay.kernel.jobs.job import JobError
from assay.kernel.jobs.payloads import StateChanged
from assay.kernel.jobs.states import JobState, is_terminal
from assay.v1 import job_pb2

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


def state(job_state: JobState) -> job_pb2.JobState.ValueType:
    """Return a state as its enum value."""
    return job_pb2.JobState.Value(f"JOB_STATE_{job_state.value}")


def error(stored: JobError | None) -> job_pb2.JobError | None:
    """Return why a job failed; the violations follow in the message's metadata."""
    if stored is None:
        return None
    metadata = {key: str(value)[:MAX_VALUE_CHARS] for key, value in stored.metadata.items()}
    return job_pb2.JobError(reason=stored.reason, message=stored.message, metadata=metadata)


def state_changed(stored: StateChanged, job_error: JobError | None) -> job_pb2.StateChanged:
    """Return a change of state; the terminal one tells the error of its job."""
    to = JobState(stored.to)
    start = None if stored.from_state is None else JobState(stored.from_state)
    changed = job_pb2.StateChanged(
        to=state(to),
        status=to.value.lower(),
        cause=_cause(start, to, stored.reason),
        error=error(job_error) if is_terminal(to) else None,
    )
    if start is not None:
        # `from` is a keyword of Python, so the generated field is reached by name.
        setattr(changed, "from", state(start))
    return changed


def _cause(start: JobState | None, to: JobState, reason: str | None) -> str:
    """Return why a state changed, in the words of StateChanged.cause."""
    if start is None:
        return "submitted"
    if reason in _LEDGER_CAUSES:
        return _LEDGER_CAUSES[reason]
    return "upload_finished" if to is JobState.QUEUED else _CAUSES[to]
