"""Jobs: anything durable that runs, its tasks, events and status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from assay.kernel import trace
from assay.kernel.errors import AssayError, InvalidArgument, Violation, error_classes
from assay.kernel.jobs.payloads import EventPayload
from assay.kernel.jobs.states import JobState, is_terminal
from assay.records import Record, convert, sha256_hex

P = TypeVar("P")

MAX_REQUEST_ID = 128  # characters of a request_id
MAX_DEADLINE_AHEAD = timedelta(days=30)
MAX_INLINE_PARTIAL = 64 * 1024  # bytes of a partial kept in a row; larger ones are blobs


class JobError(Record):
    """Why a job ended without a result, in the words of the error that ended it."""

    reason: str  # as AssayError.reason of the error that a call would have got
    message: str  # for people: what happened, what is allowed, the way out
    metadata: Mapping[str, str] = {}  # the message's dynamic parts
    violations: tuple[Violation, ...] = ()  # fields, rows or columns that are wrong

    @classmethod
    def of(cls, error: AssayError) -> JobError:
        """Return what is stored of `error`."""
        return cls(
            reason=error.reason,
            message=error.message,
            metadata=dict(error.metadata),
            violations=error.violations,
        )

    def refusal(self, **metadata: object) -> AssayError:
        """Return the error as the refusal that a caller gets; `metadata` is added to its own."""
        kinds = {kind.reason: kind for kind in error_classes()}
        kind = kinds.get(self.reason, AssayError)
        error = AssayError.__new__(kind)
        AssayError.__init__(
            error,
            self.message,
            metadata={**self.metadata, **metadata},
            violations=self.violations,
        )
        return error


@dataclass(frozen=True, kw_only=True)
class NewJob:
    """What is needed to submit a job."""

    kind: str  # name of a JobKind
    spec: bytes  # JSON that the kind understands
    state: JobState = JobState.QUEUED  # QUEUED, or OPEN for an upload
    job_id: str | None = None  # None: generated
    request_id: str | None = None  # a repeat returns the first job; None: never a repeat
    resource: str | None = None  # id of what the job makes, such as an evaluation
    max_attempts: int = 3  # claims before the job is given up, at least 1
    deadline: datetime | None = None  # TIMED_OUT from then on; None: never
    not_before: datetime | None = None  # not claimed before; None: at once
    created_by: str = ""  # subject of the caller
    blobs: tuple[str, ...] = ()  # addresses that the spec names: kept as long as the job
    trace: str | None = field(default_factory=trace.current)  # traceparent of what submits it

    def __post_init__(self) -> None:
        if self.state not in (JobState.OPEN, JobState.QUEUED):
            raise InvalidArgument.of("state", "a new job is OPEN or QUEUED")
        if self.max_attempts < 1:
            raise InvalidArgument.of("max_attempts", "at least 1 is allowed")
        check_request_id(self.request_id)

    @property
    def spec_hash(self) -> str:
        """SHA-256 of kind and spec, which tells a repeat from another request."""
        return sha256_hex(self.kind.encode() + b"\n" + self.spec)


def check_request_id(request_id: str | None) -> None:
    """Raise InvalidArgument unless `request_id` is None or 1 to 128 printable characters."""
    if request_id is None:
        return
    if not 1 <= len(request_id) <= MAX_REQUEST_ID or not request_id.isprintable():
        raise InvalidArgument.of(
            "request_id", f"1 to {MAX_REQUEST_ID} printable characters are allowed"
        )


def check_deadline(deadline: datetime | None, now: datetime) -> None:
    """Raise InvalidArgument unless `deadline` is None, or ahead of `now` and not too far."""
    if deadline is None:
        return
    if deadline <= now:
        raise InvalidArgument.of(
            "deadline",
            f"{deadline.isoformat()} was sent, which is past: it is {now.isoformat()}. Send a time "
            f"up to {MAX_DEADLINE_AHEAD.days} days ahead, or none",
        )
    if deadline > now + MAX_DEADLINE_AHEAD:
        raise InvalidArgument.of(
            "deadline",
            f"{deadline.isoformat()} was sent; at most {MAX_DEADLINE_AHEAD.days} days ahead are allowed",
        )


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job as it is stored."""

    organization_id: str  # the organization that owns it
    job_id: str  # a UUID
    kind: str  # name of a JobKind
    spec: bytes  # JSON that the kind understands
    spec_hash: str  # SHA-256 of kind and spec
    state: JobState  # where it stands
    request_id: str | None  # what the caller named the request; None: nothing
    lease_owner: str | None  # Owner.text() of its runner while RUNNING
    epoch: int  # raised by every claim; a runner with an older one writes nothing
    attempts: int  # claims that were not given back
    max_attempts: int  # claims before it is given up
    next_row: int  # rows accepted so far, for an upload
    cancel_requested: bool  # someone asked for an end while it ran
    created_at: datetime  # when it was submitted
    updated_at: datetime  # when its row last changed
    started_at: datetime | None  # first claim; None: never claimed
    ended_at: datetime | None  # when it reached a terminal state
    deadline: datetime | None  # TIMED_OUT from then on; None: never
    not_before: datetime | None  # not claimed before; None: at once
    error: JobError | None  # why it ended without a result
    result: bytes | None  # what it made, JSON of its kind; None until SUCCEEDED
    resource: str | None  # id of what it makes; None: nothing named
    created_by: str  # subject of the caller
    last_sequence: int  # sequence of its newest event
    trace: str | None = None  # traceparent of the call that submitted it

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended for good."""
        return is_terminal(self.state)


@dataclass(frozen=True, kw_only=True)
class JobFilter:
    """Which jobs a listing shows; what is None or empty does not narrow it."""

    kind: str | None = None  # only of this kind
    states: tuple[JobState, ...] = ()  # only in one of these
    resource: str | None = None  # only those that make this resource
    created_after: datetime | None = None  # submitted then or later
    created_before: datetime | None = None  # submitted earlier


ALL_JOBS = JobFilter()


@dataclass(frozen=True, kw_only=True)
class RetryState:
    """What went wrong under a job, for whoever decides whether it is tried again."""

    retries: int = 0  # after failures of what it runs on, since a task was finished last
    in_flight: tuple[str, ...] = ()  # what ran when a runner last noted it


class TaskRole(StrEnum):
    """What a row of the tasks of a job stands for."""

    BATCH = "batch"  # rows that came to rest: of an upload, or read from a file
    TASK = "task"  # work of a stage


@dataclass(frozen=True, kw_only=True)
class TaskRecord:
    """A finished task, or a stored batch: the checkpoint from which a job resumes."""

    key: str  # unique in its job and role
    role: TaskRole = TaskRole.TASK
    first_row: int | None = None  # first row of a batch; None: not a batch
    rows: int | None = None  # rows that are durable with it
    sha256: str | None = None  # of a batch's bytes as they were sent, hex
    blob: str | None = None  # address of a batch, or of what a task wrote beside its partial
    partial: bytes | None = None  # partial result, up to 64 KiB
    partial_blob: str | None = None  # address of a larger partial
    ends_stage: bool = False  # no task of its stage follows

    @property
    def blobs(self) -> tuple[str, ...]:
        """The addresses that the record names."""
        return tuple(one for one in (self.blob, self.partial_blob) if one is not None)

    @classmethod
    def batch(cls, *, first_row: int, **columns: Any) -> TaskRecord:
        """Return the record of the stored batch that starts at `first_row`; sorts by row."""
        return cls(key=f"{first_row:015d}", role=TaskRole.BATCH, first_row=first_row, **columns)


@dataclass(frozen=True, kw_only=True)
class NewEvent:
    """An event that is about to be appended."""

    kind: str  # name of its payload: state, documents
    data: Any  # the payload, or a JSON object

    @classmethod
    def of(cls, payload: EventPayload) -> NewEvent:
        """Return the event that a payload makes."""
        return cls(kind=payload.name, data=payload)


@dataclass(frozen=True, kw_only=True)
class Event:
    """An entry of a job's log: numbered, never changed, never dropped."""

    sequence: int  # 1, 2, 3, … in its job, without gaps
    commit: int  # sequence of the first event of the same commit
    kind: str  # what happened
    at: datetime  # when it was committed
    data: Mapping[str, Any]  # JSON object

    def payload(self, kind: type[P]) -> P:
        """Return the data as the payload of its class; raises DamagedRecord if it is none."""
        return convert(kind, self.data)


@dataclass(frozen=True, kw_only=True)
class StatusUpdate:
    """A value that only the newest of counts, such as progress."""

    key: str  # what it is: progress, metrics
    revision: int  # rises in its job with every update written; where a watcher resumes
    as_of_sequence: int  # newest event when it was written
    data: Mapping[str, Any]  # JSON object


@dataclass(frozen=True, kw_only=True)
class Owner:
    """The process that holds a lease, so that others can tell when it is dead."""

    host: str  # machine and pid namespace; equal only where pids are comparable
    boot_id: str  # changes when the machine starts anew
    pid: int  # process id
    started: str  # start time of the process in the kernel's own words; pids are reused
    name: str = ""  # tells several runners of one process apart

    def text(self) -> str:
        """Return the owner as one line, for the ledger's row."""
        return "|".join((self.host, self.boot_id, str(self.pid), self.started, self.name))

    @classmethod
    def parse(cls, text: str) -> Owner:
        """Return the owner that `text()` wrote."""
        host, boot_id, pid, started, name = text.split("|", 4)
        return cls(host=host, boot_id=boot_id, pid=int(pid), started=started, name=name)


@dataclass(frozen=True, kw_only=True)
class Lease:
    """What a runner holds of a job, as `renew` tells it."""

    organization_id: str  # the job's organization
    job_id: str  # the job
    epoch: int  # of the claim
    cancel_requested: bool = False  # someone asked for an end
