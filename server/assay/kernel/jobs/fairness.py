"""Fairness: the order in which organizations are served by claims.

An organization with a thousand jobs must not keep another one's single job waiting. So a
claim first picks the organization, and then its oldest job. Every step is a look into an
index: what a claim costs grows with the organizations that wait, not with their jobs.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, FromClause, and_, func, select

from assay.kernel.jobs.states import JobState
from assay.kernel.storage import tables
from assay.kernel.storage.sql import Prepared
from assay.kernel.storage.unit_of_work import UnitOfWork


def waiting_organizations(uow: UnitOfWork) -> list[str]:
    """Return the organizations with a QUEUED job, in the order in which they are served.

    First those with the fewest RUNNING jobs; of those the one whose latest start is longest
    ago; of those the one whose oldest job has waited longest.
    """
    return [row.organization_id for row in uow.all(_IN_TURN)]


def _is(jobs: FromClause, state: JobState) -> ColumnElement[bool]:
    return and_(jobs.c.state == state.value, jobs.c.ended_at.is_(None))


def _in_turn() -> Prepared:
    # Leaps from organization to organization through the index instead of reading all jobs.
    first, later = tables.jobs.alias("first"), tables.jobs.alias("later")
    queued = JobState.QUEUED
    waiting = (
        select(func.min(first.c.organization_id).label("organization_id"))
        .where(_is(first, queued))
        .cte("waiting", recursive=True)
    )
    following = (
        select(func.min(later.c.organization_id))
        .where(_is(later, queued), later.c.organization_id > waiting.c.organization_id)
        .scalar_subquery()
    )
    waiting = waiting.union_all(select(following).where(waiting.c.organization_id.is_not(None)))
    own, started, oldest = (tables.jobs.alias(name) for name in ("own", "started", "oldest"))
    running = (
        select(func.count())
        .select_from(own)
        .where(_is(own, JobState.RUNNING), own.c.organization_id == waiting.c.organization_id)
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
        .where(_is(oldest, queued), oldest.c.organization_id == waiting.c.organization_id)
        .scalar_subquery()
    )
    return Prepared(
        select(waiting.c.organization_id)
        .where(waiting.c.organization_id.is_not(None))
        .order_by(running, func.coalesce(served, 0), since, waiting.c.organization_id)
    )


_IN_TURN = _in_turn()
