"""Rows of the ledger: its statements, and how a row becomes a job or a task."""

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

from assay.kernel.jobs.job import Job, JobError, TaskRecord, TaskRole
from assay.kernel.jobs.states import JobState
from assay.kernel.storage import tables
from assay.kernel.storage.sql import (
    Prepared,
    Row,
    insert_or_ignore,
    insert_or_replace,
    moment,
    moment_or_none,
)
from assay.records import decode

J = tables.jobs.c
S = tables.tasks.c
B = tables.retry_states.c

JOB_COLUMNS = (
    J.organization_id,
    J.job_id,
    J.kind,
    J.spec,
    J.spec_hash,
    J.state,
    J.request_id,
    J.lease_owner,
    J.epoch,
    J.attempts,
    J.max_attempts,
    J.next_row,
    J.cancel_requested,
    J.created_at,
    J.updated_at,
    J.started_at,
    J.ended_at,
    J.deadline,
    J.not_before,
    J.error,
    J.result,
    J.resource,
    J.created_by,
    J.last_sequence,
    J.trace,
)
TASK_COLUMNS = (
    S.key,
    S.role,
    S.first_row,
    S.rows,
    S.sha256,
    S.blob,
    S.partial,
    S.partial_blob,
    S.ends_stage,
)

SELECT = select(*JOB_COLUMNS)
# A page of jobs: specs and results may be large, and nobody lists jobs to read them.
LISTED = select(
    *(
        {
            "spec": literal(b"").label("spec"),
            "result": cast(null(), LargeBinary).label("result"),
        }.get(column.name, column)
        for column in JOB_COLUMNS
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

MOVE = Prepared(
    update(tables.jobs)
    .where(THE_JOB)
    .values(
        state=bindparam("state"),
        updated_at=bindparam("updated_at"),
        started_at=bindparam("started_at"),
        ended_at=bindparam("ended_at"),
        lease_owner=bindparam("lease_owner"),
        lease_boot=bindparam("lease_boot"),
        lease_expires=bindparam("lease_expires"),
        epoch=bindparam("epoch"),
        attempts=bindparam("attempts"),
        not_before=bindparam("not_before"),
        error=bindparam("error"),
        result=bindparam("result"),
    )
)
ASK_CANCEL = Prepared(
    update(tables.jobs)
    .where(THE_JOB)
    .values(cancel_requested=bindparam("on"), updated_at=bindparam("updated_at"))
)
ACCEPT_ROWS = Prepared(
    update(tables.jobs)
    .where(THE_JOB)
    .values(next_row=bindparam("next_row"), updated_at=bindparam("updated_at"))
)
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


COUNT_STATES = Prepared(
    select(J.state, func.count().label("number")).where(J.ended_at.is_(None)).group_by(J.state)
)

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
    select(*TASK_COLUMNS)
    .where(S.organization_id == bindparam("org"), S.job_id == bindparam("job"))
    .order_by(S.role, S.key)
)
BATCH_AT = Prepared(
    select(*TASK_COLUMNS).where(
        S.organization_id == bindparam("org"),
        S.job_id == bindparam("job"),
        S.role == TaskRole.BATCH.value,
        S.first_row == bindparam("first_row"),
    )
)
ADD_TASK = insert_or_ignore(tables.tasks)


def read_job(row: Row) -> Job:
    """Return the job of a row of JOB_COLUMNS."""
    return Job(
        organization_id=row.organization_id,
        job_id=row.job_id,
        kind=row.kind,
        spec=bytes(row.spec),
        spec_hash=row.spec_hash,
        state=JobState(row.state),
        request_id=row.request_id,
        lease_owner=row.lease_owner,
        epoch=row.epoch,
        attempts=row.attempts,
        max_attempts=row.max_attempts,
        next_row=row.next_row,
        cancel_requested=bool(row.cancel_requested),
        created_at=moment(row.created_at),
        updated_at=moment(row.updated_at),
        started_at=moment_or_none(row.started_at),
        ended_at=moment_or_none(row.ended_at),
        deadline=moment_or_none(row.deadline),
        not_before=moment_or_none(row.not_before),
        error=None if row.error is None else decode(JobError, row.error),
        result=None if row.result is None else bytes(row.result),
        resource=row.resource,
        created_by=row.created_by,
        last_sequence=row.last_sequence,
        trace=row.trace,
    )


def read_task(row: Row) -> TaskRecord:
    """Return the task record of a row of TASK_COLUMNS."""
    return TaskRecord(
        key=row.key,
        role=TaskRole(row.role),
        first_row=row.first_row,
        rows=row.rows,
        sha256=row.sha256,
        blob=row.blob,
        partial=None if row.partial is None else bytes(row.partial),
        partial_blob=row.partial_blob,
        ends_stage=bool(row.ends_stage),
    )


def task_values(organization_id: str, job_id: str, record: TaskRecord) -> dict[str, object]:
    """Return the columns of a task's row."""
    return {
        "organization_id": organization_id,
        "job_id": job_id,
        "key": record.key,
        "role": record.role.value,
        "first_row": record.first_row,
        "rows": record.rows,
        "sha256": record.sha256,
        "blob": record.blob,
        "partial": record.partial,
        "partial_blob": record.partial_blob,
        "ends_stage": record.ends_stage,
    }
