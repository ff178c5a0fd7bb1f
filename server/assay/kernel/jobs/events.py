"""The stores of the logs and the status updates of jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, literal_column, select, update

from assay.kernel.errors import EventsTrimmed, NotFound
from assay.kernel.jobs.job import Event, NewEvent, StatusUpdate
from assay.kernel.jobs.ledger_statements import THE_JOB, of_job
from assay.kernel.storage import tables
from assay.kernel.storage.mapping import RowMapper, bound
from assay.kernel.storage.sql import Prepared, Row, insert_or_replace, micros
from assay.kernel.storage.unit_of_work import SqlStore
from assay.records import Record, decode, encode_text

_J = tables.jobs.c
_E = tables.events.c
_L = tables.status_updates.c

_LARGEST = 2**31 - 1  # of the column; a caller may name any number

# Raising the counter locks the job's row until the commit, so that of two writers the
# second gets its numbers after the first has committed: no gap, and no reordering.
_TAKE = Prepared(
    update(tables.jobs)
    .where(THE_JOB)
    .values(last_sequence=_J.last_sequence + bindparam("count"))
    .returning(_J.last_sequence)
)
_ADD = Prepared(tables.events.insert().values(bound(*_E.keys())))
_BOUNDS = Prepared(select(_J.oldest_sequence, _J.last_sequence).where(THE_JOB))
_EVENTS = RowMapper(Event, tables.events, computed=("commit",))
_EVENT = select(*_EVENTS.columns, _E.batch).where(of_job(tables.events))
_AFTER = Prepared(
    _EVENT.where(_E.sequence > bindparam("after")).order_by(_E.sequence).limit(bindparam("most"))
)
_COMMIT = Prepared(_EVENT.where(_E.batch == bindparam("batch")).order_by(_E.sequence))
_RAISE = Prepared(
    update(tables.jobs)
    .where(THE_JOB)
    .values(status_revision=_J.status_revision + 1)
    .returning(_J.status_revision, _J.last_sequence)
)
_PUT = insert_or_replace(tables.status_updates)
_STATUS = RowMapper(StatusUpdate, tables.status_updates)
_UPDATES = Prepared(
    select(*_STATUS.columns)
    .where(of_job(tables.status_updates), _L.revision > bindparam("after"))
    .order_by(_L.revision)
)
_KNOWN = Prepared(select(_J.status_revision).where(THE_JOB))
# Written into the SQL: a parameter would hide from SQLite that the index of whole logs fits.
_WHOLE: ColumnElement[int] = literal_column("1")
_OLD = Prepared(
    select(_J.organization_id, _J.job_id, _J.last_sequence)
    .where(
        _J.ended_at.is_not(None), _J.ended_at < bindparam("before"), _J.oldest_sequence == _WHOLE
    )
    .order_by(_J.ended_at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_TRIM = Prepared(
    delete(tables.events).where(of_job(tables.events), _E.sequence < bindparam("oldest"))
)
_FORGET_UPDATES = Prepared(delete(tables.status_updates).where(of_job(tables.status_updates)))
_TRIMMED = Prepared(update(tables.jobs).where(THE_JOB).values(oldest_sequence=bindparam("oldest")))


class Events(SqlStore):
    """The logs of jobs: events numbered 1, 2, 3, … without a gap."""

    def append(self, organization_id: str, job_id: str, drafts: Sequence[NewEvent]) -> int:
        """Append to a job's log in order; return the last sequence; NotFound if absent.

        Writers at the same time leave neither gaps nor repeats, and a reader that has seen a
        sequence never sees a lower one appear.
        """
        row = self._db.one(_TAKE, org=organization_id, job=job_id, count=len(drafts))
        if row is None:
            raise NotFound.of("job", job_id)
        last = int(row.last_sequence)
        if not drafts:
            return last
        first = last - len(drafts) + 1
        batch = self._db.batches.setdefault((organization_id, job_id), first)
        at = self._db.now()
        self._db.run_many(
            _ADD,
            [
                {
                    "organization_id": organization_id,
                    "job_id": job_id,
                    "sequence": sequence,
                    "batch": batch,
                    "kind": draft.kind,
                    "at": at,
                    "data": encode_text(draft.data),
                }
                for sequence, draft in enumerate(drafts, start=first)
            ],
        )
        self._db.touched.add((organization_id, job_id))
        return last

    def after(
        self, organization_id: str, job_id: str, sequence: int, limit: int = 500
    ) -> Sequence[Event]:
        """Return the events after `sequence` in order; NotFound if the job is absent.

        They are at most `limit`, but a commit's events are never split: a commit larger than
        the limit is returned whole. A trimmed start raises EventsTrimmed, which names the
        oldest sequence held.
        """
        oldest = self.oldest(organization_id, job_id)
        sequence = min(sequence, _LARGEST)
        if sequence + 1 < oldest:
            raise EventsTrimmed(
                f"After {sequence} was sent, but events before {oldest} are no longer held. "
                f"Resume after {oldest - 1}, and read the job for what came before.",
                metadata={"job_id": job_id, "oldest_sequence": oldest, "sent": sequence},
            )
        rows = self._db.all(_AFTER, org=organization_id, job=job_id, after=sequence, most=limit + 1)
        if len(rows) > limit:
            rows = self._whole_commits(organization_id, job_id, rows, sequence)
        return [_EVENTS.read(row, commit=row.batch) for row in rows]

    def oldest(self, organization_id: str, job_id: str) -> int:
        """Return the sequence of the oldest event held, or NotFound."""
        row = self._db.one(_BOUNDS, org=organization_id, job=job_id)
        if row is None:
            raise NotFound.of("job", job_id)
        return int(row.oldest_sequence)

    def trim(self, before: datetime, limit: int = 100) -> int:
        """Drop the logs of up to `limit` jobs, of any organization, that ended before a time.

        Their status goes too. The last event of each stays, so that a watch of it still learns how it ended. Logs
        of jobs that have not ended are never touched. Returns how many were trimmed.
        """
        rows = self._db.all(_OLD, before=micros(before), most=limit)
        for row in rows:
            job = {"org": row.organization_id, "job": row.job_id}
            self._db.run(_TRIM, **job, oldest=row.last_sequence)
            self._db.run(_FORGET_UPDATES, **job)
            self._db.run(_TRIMMED, **job, oldest=row.last_sequence)
        return len(rows)

    def _whole_commits(
        self, organization_id: str, job_id: str, rows: list[Row], sequence: int
    ) -> list[Row]:
        """Cut `rows`, of which the last is one too many, where a commit ends."""
        cut = rows[-1].batch
        whole = [row for row in rows[:-1] if row.batch != cut]
        if whole:
            return whole
        commit = self._db.all(_COMMIT, org=organization_id, job=job_id, batch=cut)
        return [row for row in commit if row.sequence > sequence]


class StatusUpdates(SqlStore):
    """The status of jobs: of each key only the newest value."""

    def put(
        self, organization_id: str, job_id: str, key: str, data: Mapping[str, Any] | Record
    ) -> StatusUpdate:
        """Overwrite a status value; its revision is the job's highest, `as_of_sequence` its last event.

        An absent job raises NotFound.
        """
        row = self._db.one(_RAISE, org=organization_id, job=job_id)
        if row is None:
            raise NotFound.of("job", job_id)
        revision, sequence = row.status_revision, row.last_sequence
        text = encode_text(data)
        self._db.run(
            _PUT,
            organization_id=organization_id,
            job_id=job_id,
            key=key,
            revision=revision,
            as_of_sequence=sequence,
            data=text,
        )
        self._db.touched.add((organization_id, job_id))
        return StatusUpdate(
            key=key, revision=revision, as_of_sequence=sequence, data=decode(dict[str, Any], text)
        )

    def after(self, organization_id: str, job_id: str, revision: int = 0) -> Sequence[StatusUpdate]:
        """Return the status updates with a revision above `revision`, in its order, or NotFound."""
        after = min(revision, _LARGEST)
        rows = self._db.all(_UPDATES, org=organization_id, job=job_id, after=after)
        if not rows and self._db.one(_KNOWN, org=organization_id, job=job_id) is None:
            raise NotFound.of("job", job_id)
        return [_STATUS.read(row) for row in rows]
