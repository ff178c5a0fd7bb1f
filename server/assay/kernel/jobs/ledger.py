"""The job ledger in SQL: submit, upload, cancel and read. Runners use ledger_runs.

A job changes state in one function, `JobsBase._move`, along the edges of `states` and with a
`state` event in the same commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from assay.kernel.cursor import Cursor, Page
from assay.kernel.errors import (
    FailedPrecondition,
    Internal,
    InvalidArgument,
    JobNotCancelable,
    NotFound,
    OffsetGap,
    RequestIdReused,
    UploadFinished,
)
from assay.kernel.jobs import ledger_statements as sql
from assay.kernel.jobs.events import Events
from assay.kernel.jobs.job import (
    ALL_JOBS,
    Job,
    JobError,
    JobFilter,
    NewEvent,
    NewJob,
    TaskRecord,
)
from assay.kernel.jobs.payloads import StateChanged
from assay.kernel.jobs.states import JobState, check_transition, is_terminal
from assay.kernel.storage import tables
from assay.kernel.storage.blob_references import BlobReferences, job_owner
from assay.kernel.storage.keyset import page_of
from assay.kernel.storage.mapping import stored, values_of
from assay.kernel.storage.unit_of_work import Hook, SqlStore, UnitOfWork

MAX_BATCH_ROWS = 2**31  # far above what a batch's bytes can hold

CANCELED = JobError(reason="CANCELED", message="The job was canceled before it ended.")
DEADLINE_PASSED = JobError(reason="DEADLINE_PASSED", message="The job's deadline passed.")


class Cancellation(Hook):
    """Told of a job that is canceled before a runner has it, whose kind nobody asks."""

    def canceled(self, uow: UnitOfWork, job: Job) -> None:
        """Write what the end of the job means for other rows, in the same commit."""


class JobsBase(SqlStore):
    """The job ledger: for callers, for uploads, and for runners."""

    def __init__(self, uow: UnitOfWork) -> None:
        super().__init__(uow)
        self._events = uow[Events]
        self._blobs = uow[BlobReferences]

    def submit(self, organization_id: str, new: NewJob) -> Job:
        """Store a new job, QUEUED or OPEN, and return it.

        A repeated request id returns the first job unchanged; with another kind or spec it
        raises RequestIdReused. Repeats at the same time make one job.
        """
        first = self._first_of(organization_id, new)
        if first is not None:
            return first
        job_id = new.job_id or self._db.ids.new_uuid()
        if not self._insert(organization_id, job_id, new):
            # On PostgreSQL a twin may have committed between the look and the insert.
            first = self._first_of(organization_id, new)
            if first is None:
                raise Internal(f"The job id {job_id} is taken.")
            return first
        self._blobs.add(organization_id, job_owner(job_id), new.blobs)
        submitted = NewEvent.of(StateChanged(to=new.state.value))
        self._events.append(organization_id, job_id, [submitted])
        return self.get(organization_id, job_id)

    def record(
        self,
        organization_id: str,
        new: NewJob,
        *,
        batches: Sequence[TaskRecord],
        result: bytes,
        blobs: Iterable[str] = (),
    ) -> Job:
        """Store a QUEUED job whose work another one has done, with its rows; it ends SUCCEEDED.

        `blobs` are the addresses that the result names; those of the batches are kept as well.
        """
        job = self.submit(organization_id, new)
        named = {"organization_id": organization_id, "job_id": job.job_id}
        for record in batches:
            self._db.run(sql.ADD_TASK, **values_of(tables.tasks, record, **named))
        kept = (*blobs, *(address for record in batches for address in record.blobs))
        self._blobs.add(organization_id, job_owner(job.job_id), kept)
        rows = sum(record.rows or 0 for record in batches)
        self._db.run(
            sql.ACCEPT_ROWS,
            org=organization_id,
            job=job.job_id,
            next_row=rows,
            updated_at=self._db.now(),
        )
        return self._move(replace(job, next_row=rows), JobState.SUCCEEDED, result=result)

    def get(self, organization_id: str, job_id: str) -> Job:
        """Return a job, or NotFound."""
        row = self._db.one(sql.GET, org=organization_id, job=job_id)
        if row is None:
            raise NotFound.of("job", job_id)
        return sql.JOBS.read(row)

    def get_many(self, organization_id: str, job_ids: Iterable[str]) -> dict[str, Job]:
        """Return the jobs of these ids that exist, by id."""
        wanted = sql.J.job_id.in_(list(job_ids))
        rows = self._db.select(sql.SELECT.where(sql.J.organization_id == organization_id, wanted))
        return {row.job_id: sql.JOBS.read(row) for row in rows}

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
        return page_of(
            self._db.select(sql.listing(organization_id, chosen, limit=limit, after=after)),
            limit,
            sql.JOBS.read,
            lambda job: Cursor(created_at=job.created_at, id=job.job_id),
        )

    def add_batch(
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
        """Store one batch of an OPEN upload and raise its `next_row`.

        The very same batch (first row, rows, hash) once more returns what is stored and
        changes nothing. Any other that does not start at `next_row` raises OffsetGap, which
        names the expected row; of two writers with different batches for one row one gets it.
        A finished upload raises UploadFinished, one that was canceled or timed out
        FailedPrecondition, a number of rows that no batch can have InvalidArgument.
        """
        if not 1 <= rows <= MAX_BATCH_ROWS:
            raise InvalidArgument.of("rows", f"a chunk holds 1 to {MAX_BATCH_ROWS} rows")
        job = self.lock(organization_id, job_id)
        _require_open(job)
        if first_row != job.next_row:
            return self._repeated(job, first_row, rows, sha256)
        record = TaskRecord.batch(
            first_row=first_row,
            rows=rows,
            sha256=sha256,
            blob=blob,
            partial=partial,
            partial_blob=partial_blob,
        )
        self._db.run(
            sql.ADD_TASK,
            **values_of(tables.tasks, record, organization_id=organization_id, job_id=job_id),
        )
        self._blobs.add(organization_id, job_owner(job_id), record.blobs)
        self._db.run(
            sql.ACCEPT_ROWS,
            org=organization_id,
            job=job_id,
            next_row=first_row + rows,
            updated_at=self._db.now(),
        )
        self._db.touched.add((organization_id, job_id))
        return record

    def finish_upload(self, organization_id: str, job_id: str, *, rows: int) -> Job:
        """Queue an OPEN upload of exactly `rows` rows.

        Another number raises OffsetGap, which names the expected one, no rows at all
        InvalidArgument, a second finish UploadFinished.
        """
        job = self.lock(organization_id, job_id)
        _require_open(job)
        if rows != job.next_row:
            raise _gap(job, rows, f"The upload has {job.next_row} rows, not {rows}.")
        if rows == 0:
            raise InvalidArgument.of("rows", "an upload of no rows cannot be evaluated")
        return self._move(job, JobState.QUEUED)

    def complete(
        self,
        organization_id: str,
        job_id: str,
        *,
        spec: bytes,
        blobs: Iterable[str] = (),
        deadline: datetime | None = None,
    ) -> Job:
        """Queue an OPEN job whose specification is now whole, in place of the one it began with.

        `blobs` are the addresses that the specification names; they are kept with the job. The
        deadline takes the place of the former one. A job that was completed raises UploadFinished,
        one that was canceled or timed out FailedPrecondition.
        """
        job = self.lock(organization_id, job_id)
        _require_open(job)
        spec_hash = NewJob(kind=job.kind, spec=spec).spec_hash
        whole = replace(job, spec=spec, spec_hash=spec_hash, deadline=deadline)
        values = {name: stored(getattr(whole, name)) for name in sql.SPECIFIED}
        self._db.run(sql.SPECIFY, org=organization_id, job=job_id, **values)
        self._blobs.add(organization_id, job_owner(job_id), blobs)
        return self._move(whole, JobState.QUEUED)

    def set_spec(self, job: Job, spec: bytes) -> None:
        """Store a specification in place of that of a job that has ended, such as one without secrets.

        Its hash stays that of the first one, which tells a repeat from another request.
        """
        if not job.is_terminal:
            raise Internal(
                f"The job {job.job_id} is {job.state} and still needs its specification."
            )
        values = {name: stored(getattr(replace(job, spec=spec), name)) for name in sql.SPECIFIED}
        self._db.run(sql.SPECIFY, org=job.organization_id, job=job.job_id, **values)

    def request_cancel(self, organization_id: str, job_id: str) -> Job:
        """End an OPEN or QUEUED job at once as CANCELED; flag a RUNNING one for its runner.

        A job that has ended raises JobNotCancelable. An absent one raises NotFound.
        """
        job = self.lock(organization_id, job_id)
        if job.is_terminal:
            raise JobNotCancelable(
                f"The job '{job_id}' has already ended: {job.state}.",
                metadata={"job_id": job_id, "state": job.state},
            )
        if job.state is not JobState.RUNNING:
            canceled = self._move(job, JobState.CANCELED, error=CANCELED)
            for hook in self._db.hooks(Cancellation):
                hook.canceled(self._db, canceled)
            return canceled
        now = self._db.now()
        self._db.run(sql.ASK_CANCEL, org=organization_id, job=job_id, on=True, updated_at=now)
        self._db.touched.add((organization_id, job_id))
        return self.get(organization_id, job_id)

    def tasks(self, organization_id: str, job_id: str) -> Sequence[TaskRecord]:
        """Return the finished tasks in the order of their keys, byte by byte, or NotFound."""
        rows = self._db.all(sql.TASKS, org=organization_id, job=job_id)
        if not rows:
            self.get(organization_id, job_id)
        return [sql.TASK_RECORDS.read(row) for row in rows]

    def lock(self, organization_id: str, job_id: str) -> Job:
        """Return one job and hold its row until this transaction ends."""
        row = self._db.one(sql.LOCK, org=organization_id, job=job_id)
        if row is None:
            raise NotFound.of("job", job_id)
        return sql.JOBS.read(row)

    def _move(
        self,
        job: Job,
        to: JobState,
        *,
        reason: str | None = None,
        error: JobError | None = None,
        result: bytes | None = None,
        lease: tuple[str, str, float] | None = None,
        epoch: int | None = None,
        attempts: int | None = None,
        events: Sequence[NewEvent] = (),
    ) -> Job:
        """Move a locked job along an edge of the table and log it; the only way its state changes.

        `events` come before the state event, in the same commit; `lease` is
        (owner, boot, expiry), given when and only when `to` is RUNNING. The reason is that of
        the error where there is one.
        """
        check_transition(job.state, to)
        if is_terminal(to) and to is not JobState.SUCCEEDED:
            # Nobody reads what a job without a result stored: the collector may have it.
            self._blobs.remove(job.organization_id, job_owner(job.job_id))
        now = self._db.clock.now()
        moved = replace(
            job,
            state=to,
            updated_at=now,
            started_at=now if job.started_at is None and lease else job.started_at,
            ended_at=now if is_terminal(to) else None,
            lease_owner=lease[0] if lease else None,
            epoch=job.epoch if epoch is None else epoch,
            attempts=job.attempts if attempts is None else attempts,
            error=error,
            result=result,
        )
        held = dict(zip(sql.LEASE, lease or (None, None, None), strict=True))
        columns = {name: stored(getattr(moved, name)) for name in sql.MOVED}
        self._db.run(sql.MOVE, org=job.organization_id, job=job.job_id, **columns, **held)
        reason = reason if error is None else error.reason
        changed = StateChanged(from_state=job.state.value, to=to.value, reason=reason)
        appended = (*events, NewEvent.of(changed))
        sequence = self._events.append(job.organization_id, job.job_id, appended)
        return replace(moved, last_sequence=sequence)

    def _first_of(self, organization_id: str, new: NewJob) -> Job | None:
        if new.request_id is None:
            return None
        row = self._db.one(sql.BY_REQUEST, org=organization_id, request=new.request_id)
        if row is None:
            return None
        first = sql.JOBS.read(row)
        if first.spec_hash != new.spec_hash:
            raise RequestIdReused(
                f"The request id '{new.request_id}' belongs to the job '{first.job_id}', which "
                "has another specification. Send the same one, or choose a new request id.",
                metadata={"request_id": new.request_id, "job_id": first.job_id},
            )
        return first

    def _insert(self, organization_id: str, job_id: str, new: NewJob) -> int:
        now = self._db.now()
        values = values_of(
            tables.jobs,
            new,
            organization_id=organization_id,
            job_id=job_id,
            epoch=0,
            attempts=0,
            next_row=0,
            cancel_requested=False,
            created_at=now,
            updated_at=now,
            last_sequence=0,
            oldest_sequence=1,
            status_revision=0,
        )
        return self._db.run(sql.INSERT, **values)

    def _repeated(self, job: Job, first_row: int, rows: int, sha256: str) -> TaskRecord:
        row = first_row < job.next_row and self._db.one(
            sql.BATCH_AT, org=job.organization_id, job=job.job_id, first_row=first_row
        )
        if row:
            stored = sql.TASK_RECORDS.read(row)
            if (stored.rows, stored.sha256) == (rows, sha256):
                return stored
        raise _gap(
            job, first_row, f"The chunk starts at row {first_row}; row {job.next_row} is expected."
        )


def _require_open(job: Job) -> None:
    if job.state is JobState.OPEN:
        return
    metadata = {"job_id": job.job_id, "state": job.state, "rows": job.next_row}
    if job.state in (JobState.CANCELED, JobState.TIMED_OUT):
        raise FailedPrecondition(
            f"The upload has ended: {job.state}. Start a new one.", metadata=metadata
        )
    raise UploadFinished(
        f"The upload was finished with {job.next_row} rows; it takes nothing more.",
        metadata=metadata,
    )


def _gap(job: Job, sent: int, message: str) -> OffsetGap:
    return OffsetGap(
        message,
        metadata={"job_id": job.job_id, "expected_row": job.next_row, "sent_row": sent},
    )
