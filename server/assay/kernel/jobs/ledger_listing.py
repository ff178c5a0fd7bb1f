"""Listings of jobs: every filter is a range of an index, whatever the rest of the history holds."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, select, union_all

from assay.kernel.cursor import Cursor
from assay.kernel.jobs import ledger_rows as sql
from assay.kernel.jobs.job import JobFilter
from assay.kernel.jobs.states import JobState
from assay.kernel.storage import tables
from assay.kernel.storage.keyset import newest_first
from assay.kernel.storage.sql import micros


def listing(
    organization_id: str, chosen: JobFilter, *, limit: int, after: Cursor | None
) -> Select[Any]:
    """Return the SELECT of one page, newest first, with one row more than `limit`."""
    wanted = [sql.J.organization_id == organization_id, *_rest(chosen)]
    if chosen.resource is not None or (chosen.kind is None and not chosen.states):
        # Few jobs make one resource; the rest of the filter is looked at in their rows.
        wanted += _exactly(chosen)
        statement = sql.LISTED.where(*wanted)
        return newest_first(statement, sql.J.created_at, sql.J.job_id, limit=limit, after=after)
    # A range of the index for each state, each as long as the page at most, merged.
    pages = []
    kind, states = chosen.kind, chosen.states or tuple(JobState)
    for state in sorted(set(states)):
        own = [sql.J.state == state.value] + ([] if kind is None else [sql.J.kind == kind])
        keys = select(sql.J.organization_id, sql.J.created_at, sql.J.job_id).where(*wanted, *own)
        page = newest_first(keys, sql.J.created_at, sql.J.job_id, limit=limit, after=after)
        pages.append(select(page.subquery()))
    found = union_all(*pages).subquery()
    statement = sql.LISTED.join(
        found,
        and_(
            tables.jobs.c.organization_id == found.c.organization_id,
            tables.jobs.c.job_id == found.c.job_id,
        ),
    )
    return newest_first(statement, sql.J.created_at, sql.J.job_id, limit=limit, after=None)


def _rest(chosen: JobFilter) -> list[ColumnElement[bool]]:
    limits = []
    if chosen.created_after is not None:
        limits.append(sql.J.created_at >= micros(chosen.created_after))
    if chosen.created_before is not None:
        limits.append(sql.J.created_at < micros(chosen.created_before))
    return limits


def _exactly(chosen: JobFilter) -> list[ColumnElement[bool]]:
    exact = []
    if chosen.resource is not None:
        exact.append(sql.J.resource == chosen.resource)
    if chosen.kind is not None:
        exact.append(sql.J.kind == chosen.kind)
    if chosen.states:
        exact.append(sql.J.state.in_([state.value for state in chosen.states]))
    return exact
