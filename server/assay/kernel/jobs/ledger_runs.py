"""The runner's side of the ledger: claim, renew, checkpoint, end.

Every write for a job is fenced: it first looks whether the epoch that the runner was
given is still the job's, in the transaction that writes, with the row held.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import text

from assay.kernel.errors import Internal, StaleLease
from assay.kernel.jobs import ledger_statements as sql
from assay.kernel.jobs.events import StatusUpdates
from assay.kernel.jobs.job import Job, JobError, Lease, NewEvent, Owner, RetryState, TaskRecord
from assay.kernel.jobs.leases import is_dead
from assay.kernel.jobs.ledger import CANCELED, DEADLINE_PASSED, JobsBase
from assay.kernel.jobs.states import JobState, is_terminal
from assay.kernel.storage import tables
from assay.kernel.storage.blob_references import job_owner
from assay.kernel.storage.mapping import values_of
from assay.kernel.storage.sql import Prepared, micros, moment
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.records import Record, decode, encode_text

POSTGRESQL_CLOCK = "postgresql"  # the `lease_boot` of leases that PostgreSQL's clock ends
SWEEP = 100  # jobs that one transaction frees or ends
_DB_CLOCK = Prepared(text("SELECT extract(epoch FROM clock_timestamp())::double precision"))

LEASE_LOST = "LEASE_LOST"
GIVEN_BACK = "GIVEN_BACK"
RETRY_LATER = "RETRY_LATER"
ATTEMPTS_SPENT = "ATTEMPTS_SPENT"
MOST_NAMED = 10  # pieces of work that an error names


def _ignore(_job: Job) -> None:
    """Be told that a job ended, and do nothing."""


class Jobs(JobsBase):
    """The job ledger: for callers, for uploads, and for runners."""

    def __init__(self, uow: UnitOfWork) -> None:
        super().__init__(uow)
        self._status = uow[StatusUpdates]

    def claim(
        self,
        owner: Owner,
        lease_seconds: float,
        kinds: Collection[str],
        *,
        ended: Callable[[Job], None] = _ignore,
    ) -> Job | None:
        """Lease a QUEUED job of these kinds; None: there is none.

        It is the oldest one of the organization with the fewest running jobs; of several such
        the one that was served longest ago. So no organization waits for all jobs of another.
        The epoch and the attempts rise by one. Jobs before their `not_before` are passed by;
        two claims at once never get one job. Before that, jobs whose lease expired are
        queued again, canceled if that was asked. A job whose attempts are spent ends FAILED
        with ATTEMPTS_SPENT, one past its deadline TIMED_OUT; `ended` is told of each.
        """
        boot, seconds, now = self._clocks()
        for row in self._db.all(sql.LOST, boot=boot, seconds=seconds, most=SWEEP):
            self._lose(sql.JOBS.read(row), ended)
        for row in self._db.all(sql.ORGANIZATIONS_IN_TURN):
            job = self._next_of(row.organization_id, kinds, now, ended)
            if job is not None:
                return self._move(
                    job,
                    JobState.RUNNING,
                    lease=(owner.text(), boot, seconds + lease_seconds),
                    epoch=job.epoch + 1,
                    attempts=job.attempts + 1,
                )
        return None

    def claimable(self, kinds: Collection[str]) -> bool:
        """Return whether `claim` might find something to do; cheap, and fit for a read block."""
        boot, seconds, now = self._clocks()
        statement = sql.any_claimable(frozenset(kinds))
        return bool(self._db.value(statement, boot=boot, seconds=seconds, now=micros(now)))

    def overdue(self) -> bool:
        """Return whether `expire` would end something; cheap, and fit for a read block."""
        return bool(self._db.value(sql.ANY_OVERDUE, now=micros(self._clocks()[2])))

    def renew(self, owner: Owner, leases: Iterable[Lease], lease_seconds: float) -> Sequence[Lease]:
        """Extend those leases that `owner` still holds, and return them with their cancel flags.

        A lease that is not returned is lost: its runner stops.
        """
        boot, seconds, _ = self._clocks()
        held = []
        for lease in leases:
            row = self._db.one(
                sql.RENEW,
                org=lease.organization_id,
                job=lease.job_id,
                held=lease.epoch,
                owner=owner.text(),
                boot=boot,
                expires=seconds + lease_seconds,
            )
            if row is not None:
                held.append(replace(lease, cancel_requested=bool(row.cancel_requested)))
        return held

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
        job = replace(self._fenced(organization_id, job_id, epoch), not_before=not_before)
        return self._queue_again(job, GIVEN_BACK, attempts=job.attempts - 1)

    def retry(
        self, organization_id: str, job_id: str, epoch: int, *, not_before: datetime, counts: bool
    ) -> Job:
        """Queue a RUNNING job again because what it runs on failed it; not before a time.

        Its attempt is given back unless it `counts`; its retry_state rise by one retry. If a cancel
        was asked it ends CANCELED instead. A stale epoch raises StaleLease.
        """
        job = replace(self._fenced(organization_id, job_id, epoch), not_before=not_before)
        known = self.retry_state(organization_id, job_id)
        self._put_retry_state(job, RetryState(retries=known.retries + 1))
        attempts = job.attempts if counts else job.attempts - 1
        return self._queue_again(job, RETRY_LATER, attempts=attempts)

    def retry_state(self, organization_id: str, job_id: str) -> RetryState:
        """Return what went wrong under a job; retries count since a task was finished.

        An absent job raises NotFound.
        """
        row = self._db.one(sql.RETRY_STATE, org=organization_id, job=job_id)
        if row is None:
            self.get(organization_id, job_id)  # an absent job is NotFound
            return RetryState()
        retries = row.retries
        if retries and self._finished(organization_id, job_id) > row.tasks:
            retries = 0
        return RetryState(retries=retries, in_flight=decode(tuple[str, ...], row.in_flight))

    def note_in_flight(
        self, organization_id: str, job_id: str, epoch: int, pieces: Sequence[str]
    ) -> None:
        """Note what a runner is about to run, to be named if that ends the runner.

        A job whose attempts are spent names it in its error. A stale epoch raises StaleLease.
        """
        job = self._fenced(organization_id, job_id, epoch)
        row = self._db.one(sql.RETRY_STATE, org=organization_id, job=job_id)
        retries, tasks = (row.retries, row.tasks) if row else (0, 0)
        self._put_retry_state(job, RetryState(retries=retries, in_flight=tuple(pieces)), tasks)

    def free_dead_leases(
        self,
        dead: Callable[[Owner], bool] = is_dead,
        *,
        ended: Callable[[Job], None] = _ignore,
    ) -> int:
        """Queue every RUNNING job whose owner `dead` says has ended; return their number.

        The attempt counts. By default an owner is dead when its process on this machine has
        ended or the machine has started anew; of other machines nothing is said.
        """
        freed = 0
        known: dict[str, bool] = {}
        for row in self._db.all(sql.RUNNING):
            job = sql.JOBS.read(row)
            owner = job.lease_owner or ""
            if owner not in known:
                known[owner] = dead(Owner.parse(owner))
            if known[owner]:
                self._lose(job, ended)
                freed += 1
        return freed

    def expire(self, *, ended: Callable[[Job], None] = _ignore) -> int:
        """End OPEN and QUEUED jobs past their deadline as TIMED_OUT; return their number."""
        now = self._clocks()[2]
        rows = self._db.all(sql.OVERDUE, now=micros(now), most=SWEEP)
        for row in rows:
            ended(self._time_out(sql.JOBS.read(row)))
        return len(rows)

    def checkpoint(
        self,
        organization_id: str,
        job_id: str,
        epoch: int,
        records: Sequence[TaskRecord],
        *,
        events: Sequence[NewEvent] = (),
        status: Mapping[str, Mapping[str, Any] | Record] | None = None,
        superseded: Sequence[str] = (),
    ) -> bool:
        """Store finished tasks, append events and overwrite status values; return True.

        The job keeps the `superseded` blobs no more.

        When every task was stored before, nothing is written and False is returned. A stale
        epoch raises StaleLease and writes nothing.
        """
        self._fenced(organization_id, job_id, epoch)
        added = 0
        for record in records:
            values = values_of(tables.tasks, record, organization_id=organization_id, job_id=job_id)
            added += self._db.run(sql.ADD_TASK, **values)
        if records and not added:
            return False
        named = [address for record in records for address in record.blobs]
        self._blobs.drop(organization_id, job_owner(job_id), superseded)
        self._blobs.add(organization_id, job_owner(job_id), named)
        if events:
            self._events.append(organization_id, job_id, events)
        for key, data in (status or {}).items():
            self._status.put(organization_id, job_id, key, data)
        self._db.touched.add((organization_id, job_id))
        return True

    def check_lease(self, organization_id: str, job_id: str, epoch: int) -> None:
        """Raise StaleLease unless a runner still has the job in this epoch; the row is held."""
        self._fenced(organization_id, job_id, epoch)

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
        blobs: Sequence[str] = (),
    ) -> Job:
        """End a RUNNING job with its result or its error; `events` precede the state event.

        A stale epoch raises StaleLease and writes nothing. SUCCEEDED needs a result, FAILED
        an error; CANCELED and TIMED_OUT have one of their own when none is given. `blobs` are
        the addresses that the result names; they are kept with the job.
        """
        if not is_terminal(state) or (state is JobState.SUCCEEDED) != (result is not None):
            raise Internal(f"A job cannot end as {state} with result {result is not None}.")
        if state is not JobState.SUCCEEDED and error is None:
            error = {JobState.CANCELED: CANCELED, JobState.TIMED_OUT: DEADLINE_PASSED}.get(state)
            if error is None:
                raise Internal("A job that fails says why.")
        job = self._fenced(organization_id, job_id, epoch)
        self._blobs.add(organization_id, job_owner(job_id), blobs)
        return self._move(job, state, error=error, result=result, events=events)

    def _clocks(self) -> tuple[str, float, datetime]:
        """Return the lease clock's name and seconds, and the time for deadlines."""
        if self._db.is_sqlite:
            leases = self._db.leases
            return leases.boot_id(), leases.seconds(), self._db.clock.now()
        # One clock for all hosts: the database's own.
        seconds = float(self._db.value(_DB_CLOCK))
        return POSTGRESQL_CLOCK, seconds, moment(int(seconds * 1e6))

    def _fenced(self, organization_id: str, job_id: str, epoch: int) -> Job:
        job = self.lock(organization_id, job_id)
        if job.state is not JobState.RUNNING or job.epoch != epoch:
            raise StaleLease(
                f"The job {job_id} is {job.state} in epoch {job.epoch}, not {epoch}.",
                metadata={"job_id": job_id, "epoch": job.epoch, "sent": epoch},
            )
        return job

    def _next_of(
        self,
        organization_id: str,
        kinds: Collection[str],
        now: datetime,
        ended: Callable[[Job], None],
    ) -> Job | None:
        """Lock an organization's oldest job that may run; end those before it that may not."""
        statement = sql.oldest_queued(frozenset(kinds))
        while row := self._db.one(statement, org=organization_id, now=micros(now)):
            job = sql.JOBS.read(row)
            if job.deadline is not None and job.deadline <= now:
                ended(self._time_out(job))
            elif job.attempts >= job.max_attempts:
                ended(self._give_up(job))
            else:
                return job
        return None

    def _finished(self, organization_id: str, job_id: str) -> int:
        """Return how many tasks of its own, chunks not among them, a job has finished."""
        return int(self._db.value(sql.COUNT_TASKS, org=organization_id, job=job_id))

    def _put_retry_state(self, job: Job, known: RetryState, tasks: int | None = None) -> None:
        org, job_id = job.organization_id, job.job_id
        self._db.run(
            sql.PUT_RETRY_STATE,
            organization_id=org,
            job_id=job_id,
            retries=known.retries,
            tasks=self._finished(org, job_id) if tasks is None else tasks,
            in_flight=encode_text(list(known.in_flight)),
        )

    def _lose(self, job: Job, ended: Callable[[Job], None]) -> None:
        queued = self._queue_again(job, LEASE_LOST, attempts=job.attempts)
        if queued.is_terminal:
            ended(queued)
        elif queued.attempts >= queued.max_attempts:
            ended(self._give_up(queued))

    def _queue_again(self, job: Job, reason: str, *, attempts: int) -> Job:
        """Queue a job that ran, or cancel it if that was asked meanwhile."""
        queued = self._move(job, JobState.QUEUED, reason=reason, attempts=attempts)
        if not queued.cancel_requested:
            return queued
        return self._move(queued, JobState.CANCELED, error=CANCELED)

    def _time_out(self, job: Job) -> Job:
        return self._move(job, JobState.TIMED_OUT, error=DEADLINE_PASSED)

    def _give_up(self, job: Job) -> Job:
        ran = self.retry_state(job.organization_id, job.job_id).in_flight
        return self._move(job, JobState.FAILED, error=spent_error(job.attempts, ran))


def spent_error(attempts: int, in_flight: Sequence[str]) -> JobError:
    """Return the error of a job that ended its runner each time, and name what it then ran."""
    named = ", ".join(in_flight[:MOST_NAMED])
    message = f"The job was started {attempts} times and its runner ended each time before it did. "
    if named:
        message += f"At the last end it ran {named}. "
    return JobError(
        reason=ATTEMPTS_SPENT,
        message=message + "It is not started again.",
        metadata={"attempts": str(attempts)} | ({"in_flight": named} if named else {}),
    )
