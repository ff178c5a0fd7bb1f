"""Statements of the ledger, and the mappings of its rows to jobs and tasks.

Every filter of a listing is a range of an index, whatever the rest of the history holds. What a
claim costs grows with the organizations that wait, not with their jobs: an organization with a
thousand jobs must not keep another one's single job waiting, so a claim first picks the
organization, and then its oldest job, each by looks into an index.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    LargeBinary,
    Select,
    and_,
    bindparam,
    cast,
    false,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
    update,
)

from assay.kernel.cursor import Cursor
from assay.kernel.jobs.job import Job, JobFilter, TaskRecord, TaskRole
from assay.kernel.jobs.states import JobState
from assay.kernel.storage import tables
from assay.kernel.storage.keyset import newest_first
from assay.kernel.storage.mapping import RowMapper, bound
from assay.kernel.storage.sql import Prepared, insert_or_ignore, insert_or_replace, micros

J = tables.jobs.c
S = tables.tasks.c
B = tables.retry_states.c


def of_job(table: FromClause) -> ColumnElement[bool]:
    """Return the condition that a row is of the job `job` of the organization `org`."""
    return and_(table.c.organization_id == bindparam("org"), table.c.job_id == bindparam("job"))


def _is(state: JobState, jobs: FromClause = tables.jobs) -> ColumnElement[bool]:
    # An index holds the jobs that have not ended, and is used where the statement says so.
    return and_(jobs.c.state == state.value, jobs.c.ended_at.is_(None))


JOBS = RowMapper(Job, tables.jobs)
TASK_RECORDS = RowMapper(TaskRecord, tables.tasks)

SELECT = select(*JOBS.columns)
# A page of jobs: specs and results may be large, and nobody lists jobs to read them.
LISTED = select(
    *(
        {
            "spec": literal(b"").label("spec"),
            "result": cast(null(), LargeBinary).label("result"),
        }.get(column.name, column)
        for column in JOBS.columns
    )
)
THE_JOB = of_job(tables.jobs)
GET = Prepared(SELECT.where(THE_JOB))
# Whoever changes a job's state holds its row from the decision to the commit.
LOCK = Prepared(SELECT.where(THE_JOB).with_for_update(key_share=True))
BY_REQUEST = Prepared(
    SELECT.where(J.organization_id == bindparam("org"), J.request_id == bindparam("request"))
)
INSERT = insert_or_ignore(tables.jobs)

# The columns that a change of state writes.
MOVED = (
    *("state", "updated_at", "started_at", "ended_at", "epoch", "attempts"),
    *("not_before", "error", "result"),
)
LEASE = ("lease_owner", "lease_boot", "lease_expires")
MOVE = Prepared(update(tables.jobs).where(THE_JOB).values(bound(*MOVED, *LEASE)))
SPECIFIED = ("spec", "spec_hash", "deadline")
SPECIFY = Prepared(update(tables.jobs).where(THE_JOB).values(bound(*SPECIFIED)))
ASK_CANCEL = Prepared(
    update(tables.jobs)
    .where(THE_JOB)
    .values(cancel_requested=bindparam("on"), updated_at=bindparam("updated_at"))
)
ACCEPT_ROWS = Prepared(update(tables.jobs).where(THE_JOB).values(bound("next_row", "updated_at")))
RENEW = Prepared(
    update(tables.jobs)
    .where(
        THE_JOB,
        J.state == JobState.RUNNING.value,
        J.epoch == bindparam("held"),
        J.lease_owner == bindparam("owner"),
    )
    .values(lease_boot=bindparam("boot"), lease_expires=bindparam("expires"))
    .returning(J.cancel_requested)
)

_LOST = and_(
    _is(JobState.RUNNING),
    or_(J.lease_boot != bindparam("boot"), J.lease_expires <= bindparam("seconds")),
)
LOST = Prepared(
    SELECT.where(_LOST)
    .order_by(J.created_at, J.job_id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True, key_share=True)
)
RUNNING = Prepared(
    SELECT.where(_is(JobState.RUNNING))
    .order_by(J.created_at, J.job_id)
    .with_for_update(skip_locked=True, key_share=True)
)
_OVERDUE = and_(
    J.ended_at.is_(None),
    J.deadline.is_not(None),
    J.deadline <= bindparam("now"),
    or_(J.state == JobState.OPEN.value, J.state == JobState.QUEUED.value),
)
OVERDUE = Prepared(
    SELECT.where(_OVERDUE)
    .order_by(J.deadline)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True, key_share=True)
)
ANY_OVERDUE = Prepared(select(select(J.job_id).where(_OVERDUE).exists()))
_QUEUED = and_(
    _is(JobState.QUEUED),
    or_(J.not_before.is_(None), J.not_before <= bindparam("now")),
)


@lru_cache(maxsize=64)
def oldest_queued(kinds: frozenset[str]) -> Prepared:
    """Return the SELECT that locks an organization's oldest job that may run at `now`."""
    return Prepared(
        SELECT.where(J.organization_id == bindparam("org"), _QUEUED, _is_one_of(kinds))
        .order_by(J.created_at, J.job_id)
        .limit(1)
        .with_for_update(skip_locked=True, key_share=True)
    )


@lru_cache(maxsize=64)
def any_claimable(kinds: frozenset[str]) -> Prepared:
    """Return the SELECT that finds a queued job of these kinds, or a lost one of any."""
    queued = select(J.job_id).where(_QUEUED, _is_one_of(kinds)).exists()
    return Prepared(select(or_(queued, select(J.job_id).where(_LOST).exists())))


def _is_one_of(kinds: frozenset[str]) -> ColumnElement[bool]:
    return or_(false(), *(J.kind == kind for kind in sorted(kinds)))


RETRY_STATE = Prepared(select(B.retries, B.tasks, B.in_flight).where(of_job(tables.retry_states)))
PUT_RETRY_STATE = insert_or_replace(tables.retry_states)

_OF_JOB = select(*TASK_RECORDS.columns).where(of_job(tables.tasks))
TASKS = Prepared(_OF_JOB.order_by(S.role, S.key))
BATCH_AT = Prepared(
    _OF_JOB.where(S.role == TaskRole.BATCH.value, S.first_row == bindparam("first_row"))
)
ADD_TASK = insert_or_ignore(tables.tasks)
COUNT_TASKS = Prepared(
    select(func.count()).where(of_job(tables.tasks), S.role == TaskRole.TASK.value)
)


def _organizations_in_turn() -> Prepared:
    """Return the SELECT of the organizations with a QUEUED job, in the order of being served.

    First those with the fewest RUNNING jobs; of those the one whose latest start is longest
    ago; of those the one whose oldest job has waited longest.
    """
    # Leaps from organization to organization through the index instead of reading all jobs.
    first, later = tables.jobs.alias("first"), tables.jobs.alias("later")
    queued = JobState.QUEUED
    waiting = (
        select(func.min(first.c.organization_id).label("organization_id"))
        .where(_is(queued, first))
        .cte("waiting", recursive=True)
    )
    following = (
        select(func.min(later.c.organization_id))
        .where(_is(queued, later), later.c.organization_id > waiting.c.organization_id)
        .scalar_subquery()
    )
    waiting = waiting.union_all(select(following).where(waiting.c.organization_id.is_not(None)))
    own, started, oldest = (tables.jobs.alias(name) for name in ("own", "started", "oldest"))
    running = (
        select(func.count())
        .select_from(own)
        .where(_is(JobState.RUNNING, own), own.c.organization_id == waiting.c.organization_id)
        .scalar_subquery()
    )
    served = (
        select(func.max(started.c.started_at))
        .where(
            started.c.organization_id == waiting.c.organization_id,
            started.c.started_at.is_not(None),
        )
        .scalar_subquery()
    )
    since = (
        select(func.min(oldest.c.created_at))
        .where(_is(queued, oldest), oldest.c.organization_id == waiting.c.organization_id)
        .scalar_subquery()
    )
    return Prepared(
        select(waiting.c.organization_id)
        .where(waiting.c.organization_id.is_not(None))
        .order_by(running, func.coalesce(served, 0), since, waiting.c.organization_id)
    )


ORGANIZATIONS_IN_TURN = _organizations_in_turn()


def listing(
    organization_id: str, chosen: JobFilter, *, limit: int, after: Cursor | None
) -> Select[Any]:
    """Return the SELECT of one page of jobs, newest first, with one row more than `limit`."""
    wanted = [J.organization_id == organization_id]
    if chosen.created_after is not None:
        wanted.append(J.created_at >= micros(chosen.created_after))
    if chosen.created_before is not None:
        wanted.append(J.created_at < micros(chosen.created_before))
    if chosen.kind is not None:
        wanted.append(J.kind == chosen.kind)
    if chosen.resource is not None or (chosen.kind is None and not chosen.states):
        # Few jobs make one resource; the rest of the filter is looked at in their rows.
        if chosen.resource is not None:
            wanted.append(J.resource == chosen.resource)
        if chosen.states:
            wanted.append(J.state.in_([state.value for state in chosen.states]))
        return newest_first(LISTED.where(*wanted), J.created_at, J.job_id, limit=limit, after=after)
    # A range of the index for each state, each as long as the page at most, merged.
    pages = []
    for state in sorted(set(chosen.states or JobState)):
        keys = select(J.organization_id, J.created_at, J.job_id)
        keys = keys.where(*wanted, J.state == state.value)
        page = newest_first(keys, J.created_at, J.job_id, limit=limit, after=after)
        pages.append(select(page.subquery()))
    merged = union_all(*pages).subquery()
    same = and_(J.organization_id == merged.c.organization_id, J.job_id == merged.c.job_id)
    statement = LISTED.join(merged, same)
    return newest_first(statement, J.created_at, J.job_id, limit=limit, after=None)
