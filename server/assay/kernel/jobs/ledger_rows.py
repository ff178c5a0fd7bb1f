"""Statements of the ledger, and the mappings of its rows to jobs and tasks."""

from __future__ import annotations

from functools import lru_cache

from sqlalchemy import (
    ColumnElement,
    LargeBinary,
    and_,
    bindparam,
    cast,
    false,
    func,
    literal,
    null,
    or_,
    select,
    update,
)

from assay.kernel.jobs.job import Job, TaskRecord, TaskRole
from assay.kernel.jobs.states import JobState
from assay.kernel.storage import tables
from assay.kernel.storage.mapping import RowMapper, bound
from assay.kernel.storage.sql import Prepared, insert_or_ignore, insert_or_replace

J = tables.jobs.c
S = tables.tasks.c
B = tables.retry_states.c

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
THE_JOB = and_(J.organization_id == bindparam("org"), J.job_id == bindparam("job"))
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

LOST = Prepared(
    SELECT.where(
        J.state == JobState.RUNNING.value,
        J.ended_at.is_(None),
        or_(J.lease_boot != bindparam("boot"), J.lease_expires <= bindparam("seconds")),
    )
    .order_by(J.created_at, J.job_id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True, key_share=True)
)
RUNNING = Prepared(
    SELECT.where(J.state == JobState.RUNNING.value, J.ended_at.is_(None))
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
    J.state == JobState.QUEUED.value,
    J.ended_at.is_(None),
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
    lost = and_(
        J.state == JobState.RUNNING.value,
        J.ended_at.is_(None),
        or_(J.lease_boot != bindparam("boot"), J.lease_expires <= bindparam("seconds")),
    )
    return Prepared(
        select(
            or_(
                select(J.job_id).where(_QUEUED, _is_one_of(kinds)).exists(),
                select(J.job_id).where(lost).exists(),
            )
        )
    )


def _is_one_of(kinds: frozenset[str]) -> ColumnElement[bool]:
    return or_(false(), *(J.kind == kind for kind in sorted(kinds)))


RETRY_STATE = Prepared(
    select(B.retries, B.tasks, B.in_flight).where(
        B.organization_id == bindparam("org"), B.job_id == bindparam("job")
    )
)
PUT_RETRY_STATE = insert_or_replace(tables.retry_states)
COUNT_TASKS = Prepared(
    select(func.count()).where(
        S.organization_id == bindparam("org"),
        S.job_id == bindparam("job"),
        S.role == TaskRole.TASK.value,
    )
)

TASKS = Prepared(
    select(*TASK_RECORDS.columns)
    .where(S.organization_id == bindparam("org"), S.job_id == bindparam("job"))
    .order_by(S.role, S.key)
)
BATCH_AT = Prepared(
    select(*TASK_RECORDS.columns).where(
        S.organization_id == bindparam("org"),
        S.job_id == bindparam("job"),
        S.role == TaskRole.BATCH.value,
        S.first_row == bindparam("first_row"),
    )
)
ADD_TASK = insert_or_ignore(tables.tasks)
