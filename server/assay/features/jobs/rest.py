"""The REST view of a job that polling scripts of the model API read."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType, field

from assay.features.jobs.service import JobAndProgress, JobUseCases
from assay.kernel.errors import InvalidArgument, clip
from assay.kernel.jobs.states import JobState
from assay.kernel.rpc import polls, rest
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.rest import Body, Count, Share
from assay.records import Record
from assay.v1 import job_service_pb2

# Words that callers of the model API may send; each finds a job of any kind by its id.
JOB_TYPES = ("flow", "refiner", "job", "async", "group")
UNFINISHED = 0.99  # the most progress that is told of a job that goes on: tasks may be added

Answer = Annotated[str, Meta(extra_json_schema={"enum": ["OK", "ERROR"]})]
Standing = Annotated[str, Meta(extra_json_schema={"enum": ["PENDING", "DONE"]})]

_STATUS = {
    JobState.SUCCEEDED: "COMPLETE",
    JobState.FAILED: "FAILED",
    JobState.TIMED_OUT: "FAILED",
    JobState.CANCELED: "CANCELLED",
}


class CurrentStatus(Record):
    """What `cur_status` holds as text."""

    status: str  # RUNNING, COMPLETE, FAILED or CANCELLED
    progress: Share = field(name="curProgress")  # finished tasks over all that are known
    state: str  # the state in this service's own words
    kind: str  # of the job
    done: Count  # tasks that are finished
    total: Count  # tasks known so far
    rows: Count  # rows that are durable
    finish_timestamp: int | UnsetType = UNSET  # whole seconds of Unix time; of an ended job


class JobResultView(Record):
    """What came of a job."""

    status: Answer  # OK, or ERROR where the job ended without a result.
    # The id of what the job made; the job's own id where it makes nothing that has one.
    output_folder: str | UnsetType = UNSET
    # Why there is no result.
    msg: str | UnsetType = UNSET


class JobStatusView(Record, kw_only=True):
    """Where a job stands, as polling scripts of the model API read it."""

    status: Answer  # ERROR of a job that ended without a result, else OK.
    state: Standing  # DONE of a job that has ended, however it did; else PENDING.
    # Why the job ended without a result; absent of every other one.
    msg: str | UnsetType = UNSET
    results: tuple[JobResultView, ...]  # What came of it; none before the end, then always one.
    # JSON as text: `status` RUNNING, COMPLETE, FAILED or CANCELLED, and `curProgress` from 0 to 1.
    cur_status: str
    job_id: str  # The job.
    finish_timestamp: int | None  # When it ended, in whole seconds of Unix time; null until then.


def status(found: JobAndProgress) -> JobStatusView:
    """Return the view of a job and its newest progress."""
    job, _ = found
    failed = None
    if job.is_terminal and job.state is not JobState.SUCCEEDED:
        failed = job.error.message if job.error else f"The job ended {job.state.value.lower()}."
    results: tuple[JobResultView, ...] = ()
    if failed is not None:
        results = (JobResultView(status="ERROR", msg=failed),)
    elif job.is_terminal:
        results = (JobResultView(status="OK", output_folder=job.resource or job.job_id),)
    current = _current(found)
    ended = current.finish_timestamp
    return JobStatusView(
        status="OK" if failed is None else "ERROR",
        state="DONE" if job.is_terminal else "PENDING",
        msg=rest.present(failed),
        results=results,
        cur_status=rest.text(current),
        job_id=job.job_id,
        finish_timestamp=None if isinstance(ended, UnsetType) else ended,
    )


def _current(found: JobAndProgress) -> CurrentStatus:
    job, known = found
    counts = known or {"rows": job.next_row}
    done, total = counts.get("done", 0), counts.get("total", 0)
    progress = min(done / total, UNFINISHED) if total else 0.0
    return CurrentStatus(
        status=_STATUS.get(job.state, "RUNNING"),
        progress=1.0 if job.state is JobState.SUCCEEDED else progress,
        state=job.state.value.lower(),
        kind=job.kind,
        done=done,
        total=total,
        rows=counts.get("rows", 0),
        finish_timestamp=UNSET if job.ended_at is None else int(job.ended_at.timestamp()),
    )


class JobRestService:
    """Jobs of the caller's organization, for polling scripts."""

    def __init__(self, jobs: JobUseCases) -> None:
        self._jobs = jobs

    async def GetJobStatus(
        self, request: job_service_pb2.GetJobStatusRequest, call: Call
    ) -> Body[JobStatusView]:
        """Return where a job stands."""
        if request.HasField("type") and request.type not in JOB_TYPES:
            allowed = ", ".join(JOB_TYPES)
            raise InvalidArgument.of(
                "type", f"'{clip(request.type)}' was sent; {allowed} are allowed, or none at all"
            )
        found = await polls.answer(
            call,
            lambda: self._jobs.get(call.organization_id, request.job_id),
            lambda found: found[0].is_terminal,
        )
        return rest.body(status(found))
