"""What the ledger promises. Each sentence below has a test in tests/storage, on both engines.

The head of ports.py holds here too. A job changes state along the edges of
domain.states, and each change appends a `state` event in the same commit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from assay.kernel.cursor import Cursor, Page
from assay.kernel.jobs.job import (
    ALL_JOBS,
    Event,
    Job,
    JobError,
    JobFilter,
    Lease,
    NewEvent,
    NewJob,
    Owner,
    RetryState,
    StatusUpdate,
    TaskRecord,
)
from assay.kernel.jobs.states import JobState

Ended = Callable[[Job], None]  # told of each job that a sweep ends, inside its transaction


class Jobs(Protocol):
    """The job ledger: for callers, for uploads, and for runners."""

    def submit(self, organization_id: str, new: NewJob) -> Job:
        """Store a new job, QUEUED or OPEN, and return it.

        A repeated request id returns the first job unchanged; with another kind or spec it
        raises RequestIdReused. Repeats at the same time make one job.
        """
        ...

    def get(self, organization_id: str, job_id: str) -> Job:
        """Return a job, or NotFound."""
        ...

    def get_many(self, organization_id: str, job_ids: Iterable[str]) -> dict[str, Job]:
        """Return the jobs of these ids that exist, by id."""
        ...

    def list(
        self,
        organization_id: str,
        *,
        limit: int,
        after: Cursor | None = None,
        chosen: JobFilter = ALL_JOBS,
    ) -> Page[Job]:
        """Return a page of the jobs that `chosen` names, newest first.

        They are without their specs and results, which may be large.
        """
        ...

    def request_cancel(self, organization_id: str, job_id: str) -> Job:
        """End an OPEN or QUEUED job at once as CANCELED; flag a RUNNING one for its runner.

        A job that has ended raises JobNotCancelable. An absent one raises NotFound.
        """
        ...

    def add_chunk(
        self,
        organization_id: str,
        job_id: str,
        *,
        first_row: int,
        rows: int,
        sha256: str,
        blob: str | None,
        partial: bytes | None,
        partial_blob: str | None = None,
    ) -> TaskRecord:
        """Store one chunk of an OPEN upload and raise its `next_row`.

        The very same chunk (first row, rows, hash) once more returns what is stored and
        changes nothing. Any other that does not start at `next_row` raises OffsetGap, which
        names the expected row; of two writers with different chunks for one row one gets it.
        A finished upload raises UploadFinished, one that was canceled or timed out
        FailedPrecondition, a number of rows that no chunk can have InvalidArgument.
        """
        ...

    def finish_upload(self, organization_id: str, job_id: str, *, rows: int) -> Job:
        """Queue an OPEN upload of exactly `rows` rows.

        Another number raises OffsetGap, which names the expected one, no rows at all
        InvalidArgument, a second finish UploadFinished.
        """
        ...

    def tasks(self, organization_id: str, job_id: str) -> Sequence[TaskRecord]:
        """Return the finished tasks in the order of their keys, byte by byte, or NotFound."""
        ...

    def claim(
        self,
        owner: Owner,
        lease_seconds: float,
        kinds: Collection[str],
        *,
        ended: Ended = ...,
    ) -> Job | None:
        """Lease a QUEUED job of these kinds; None: there is none.

        It is the oldest one of the organization with the fewest running jobs; of several such
        the one that was served longest ago. So no organization waits for all jobs of another.
        The epoch and the attempts rise by one. Jobs before their `not_before` are passed by;
        two claims at once never get one job. Before that, jobs whose lease expired are
        queued again, canceled if that was asked. A job whose attempts are spent ends FAILED
        with ATTEMPTS_SPENT, one past its deadline TIMED_OUT; `ended` is told of each.
        """
        ...

    def claimable(self, kinds: Collection[str]) -> bool:
        """Return whether `claim` might find something to do; cheap, and fit for a read block."""
        ...

    def overdue(self) -> bool:
        """Return whether `expire` would end something; cheap, and fit for a read block."""
        ...

    def renew(self, owner: Owner, leases: Iterable[Lease], lease_seconds: float) -> Sequence[Lease]:
        """Extend those leases that `owner` still holds, and return them with their cancel flags.

        A lease that is not returned is lost: its runner stops.
        """
        ...

    def release(
        self,
        organization_id: str,
        job_id: str,
        epoch: int,
        *,
        not_before: datetime | None = None,
    ) -> Job:
        """Queue a RUNNING job again, with its attempt given back.

        If a cancel was asked it ends CANCELED instead. A stale epoch raises StaleLease.
        """
        ...

    def retry(
        self, organization_id: str, job_id: str, epoch: int, *, not_before: datetime, counts: bool
    ) -> Job:
        """Queue a RUNNING job again because what it runs on failed it; not before a time.

        Its attempt is given back unless it `counts`; its retry_state rise by one retry. If a cancel
        was asked it ends CANCELED instead. A stale epoch raises StaleLease.
        """
        ...

    def retry_state(self, organization_id: str, job_id: str) -> RetryState:
        """Return what went wrong under a job; retries count since a task was finished.

        An absent job raises NotFound.
        """
        ...

    def note_in_flight(
        self, organization_id: str, job_id: str, epoch: int, pieces: Sequence[str]
    ) -> None:
        """Note what a runner is about to run, to be named if that ends the runner.

        A job whose attempts are spent names it in its error. A stale epoch raises StaleLease.
        """
        ...

    def free_dead_leases(self, dead: Callable[[Owner], bool] = ..., *, ended: Ended = ...) -> int:
        """Queue every RUNNING job whose owner `dead` says has ended; return their number.

        The attempt counts. By default an owner is dead when its process on this machine has
        ended or the machine has started anew; of other machines nothing is said.
        """
        ...

    def expire(self, *, ended: Ended = ...) -> int:
        """End OPEN and QUEUED jobs past their deadline as TIMED_OUT; return their number."""
        ...

    def checkpoint(
        self,
        organization_id: str,
        job_id: str,
        epoch: int,
        records: Sequence[TaskRecord],
        *,
        events: Sequence[NewEvent] = (),
        status: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> bool:
        """Store finished tasks, append events and overwrite status values; return True.

        When every task was stored before, nothing is written and False is returned. A stale
        epoch raises StaleLease and writes nothing.
        """
        ...

    def end(
        self,
        organization_id: str,
        job_id: str,
        epoch: int,
        state: JobState,
        *,
        result: bytes | None = None,
        error: JobError | None = None,
        events: Sequence[NewEvent] = (),
    ) -> Job:
        """End a RUNNING job with its result or its error; `events` precede the state event.

        A stale epoch raises StaleLease and writes nothing. SUCCEEDED needs a result, FAILED
        an error; CANCELED and TIMED_OUT have one of their own when none is given.
        """
        ...

    def backlog(self) -> Mapping[JobState, int]:
        """Return how many jobs of all organizations have not ended, by state."""
        ...

    def referenced_blobs(self) -> Iterator[tuple[str, str]]:
        """Yield the (organization, address) of every blob that a task, spec or result names."""
        ...


class Events(Protocol):
    """The logs of jobs: events numbered 1, 2, 3, … without a gap."""

    def append(self, organization_id: str, job_id: str, drafts: Sequence[NewEvent]) -> int:
        """Append to a job's log in order; return the last sequence; NotFound if absent.

        Writers at the same time leave neither gaps nor repeats, and a reader that has seen a
        sequence never sees a lower one appear.
        """
        ...

    def after(
        self, organization_id: str, job_id: str, sequence: int, limit: int = 500
    ) -> Sequence[Event]:
        """Return the events after `sequence` in order; NotFound if the job is absent.

        They are at most `limit`, but a commit's events are never split: a commit larger than
        the limit is returned whole. A trimmed start raises EventsTrimmed, which names the
        oldest sequence held.
        """
        ...

    def oldest(self, organization_id: str, job_id: str) -> int:
        """Return the sequence of the oldest event held, or NotFound."""
        ...

    def trim(self, before: datetime, limit: int = 100) -> int:
        """Drop the logs of up to `limit` jobs, of any organization, that ended before a time.

        Their status goes too. The last event of each stays, so that a watch of it still learns how it ended. Logs
        of jobs that have not ended are never touched. Returns how many were trimmed.
        """
        ...


class StatusUpdates(Protocol):
    """The status of jobs: of each key only the newest value."""

    def put(
        self, organization_id: str, job_id: str, key: str, data: Mapping[str, Any]
    ) -> StatusUpdate:
        """Overwrite a status value; its revision is the job's highest, `as_of_sequence` its last event.

        An absent job raises NotFound.
        """
        ...

    def after(self, organization_id: str, job_id: str, revision: int = 0) -> Sequence[StatusUpdate]:
        """Return the status updates with a revision above `revision`, in its order, or NotFound."""
        ...
