"""The store of the history of inference jobs: filtered, sorted and read by page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, case, or_, select

from assay.features.inference.history_query import (
    PENDING,
    HistoryQuery,
    SortColumn,
    Terms,
)
from assay.features.inference.model import WORDS, InferenceJob
from assay.features.inference.store import COUNT_COLUMNS, JOB_COLUMNS, JOBS, SELECT, WITH_JOB
from assay.features.keys.tables import api_keys
from assay.kernel.jobs.states import JobState
from assay.kernel.storage.sql import micros
from assay.kernel.storage.tables import jobs
from assay.kernel.storage.unit_of_work import SqlStore

_T = JOB_COLUMNS
_C = COUNT_COLUMNS
_J = jobs.c
_K = api_keys.c

_ALL = 2**31 - 1  # jobs

Matches = Callable[[str], ColumnElement[bool]]

_SORTED_BY: dict[SortColumn, ColumnElement[Any]] = {
    SortColumn.IDENTIFIER: _T.job_id,
    SortColumn.SUBMITTED_BY: _T.submitted_by,
    SortColumn.SUBMITTED_JOBS: _C.total,
    SortColumn.STATUS: case({state.value: word for state, word in WORDS.items()}, value=_J.state),
    SortColumn.CREATED_AT: _T.created_at,
    SortColumn.UPDATED_AT: case(
        (_J.updated_at > _C.counted_at, _J.updated_at), else_=_C.counted_at
    ),
    SortColumn.SUBMITTED_AT: _T.submitted_at,
    SortColumn.TOTAL: _C.total,
    SortColumn.COMPLETED: _C.completed,
    SortColumn.FAIL: _C.failed,
    SortColumn.MODEL: _T.model_name,
}


class InferenceHistory(SqlStore):
    """Inference jobs as a history.

    By time of creation, and of one model, a page is read along an index; jobs that have not ended
    are found by theirs. Parts of names, and other orders, look at each job of the organization.
    """

    def page(self, organization_id: str, query: HistoryQuery) -> list[str]:
        """Return the ids of the jobs of a page, and of one more if more follow."""
        return [row.job_id for row in self._db.select(page_statement(organization_id, query))]

    def jobs(self, organization_id: str, job_ids: Sequence[str]) -> list[InferenceJob]:
        """Return jobs in the order of their ids; those that are no longer there are left out."""
        found = self._db.select(
            SELECT.where(_T.organization_id == organization_id, _T.job_id.in_(job_ids))
        )
        by_id = {row.job_id: JOBS.read(row) for row in found}
        return [by_id[job_id] for job_id in job_ids if job_id in by_id]


def page_statement(organization_id: str, query: HistoryQuery) -> Select[tuple[str]]:
    """Return what selects the ids of the jobs of a page, and of one more."""
    source = WITH_JOB
    if query.states and query.states <= PENDING:
        pending = _pending(organization_id, query.states)
        source = pending.join(WITH_JOB, pending.c.job_id == _T.job_id)
    return (
        select(_T.job_id)
        .select_from(source)
        .where(_T.organization_id == organization_id, *_conditions(organization_id, query))
        .order_by(*_order(query))
        .limit(query.page.size + 1)
        .offset(query.page.offset)
    )


def _pending(organization_id: str, states: frozenset[JobState]) -> Subquery:
    """Return the ids of jobs that have not ended: few of many, and found by an index of such."""
    pending = select(_J.job_id).where(
        _J.organization_id == organization_id, _J.ended_at.is_(None), _in_states(states)
    )
    return pending.limit(_ALL).subquery()  # a limit has SQLite read these first


def _conditions(organization_id: str, query: HistoryQuery) -> Iterable[ColumnElement[bool]]:
    filters: tuple[tuple[Terms, Matches], ...] = (
        (query.user, _user(organization_id)),
        (query.access_key, _access_key(organization_id)),
        (query.model, _model),
        (query.model_identifier, lambda term: _T.model_id == term),
        (query.model_version, _version),
        (query.search, _anything(organization_id)),
    )
    for terms, matches in filters:
        for group in terms:
            yield or_(*map(matches, group))
    if query.start is not None:
        yield _T.created_at >= micros(query.start)
    if query.end is not None:
        yield _T.created_at <= micros(query.end)
    if query.states is not None:
        yield _in_states(query.states)


def _in_states(states: frozenset[JobState]) -> ColumnElement[bool]:
    return _J.state.in_(sorted(state.value for state in states))


def _order(query: HistoryQuery) -> list[ColumnElement[Any]]:
    keys = [(_SORTED_BY[key.column], key.descending) for key in query.sort]
    if query.states is not None and query.states <= PENDING:
        # Not the column itself, so that few jobs are sorted instead of all walked in its order.
        keys = [(_T.created_at + 0 if one is _T.created_at else one, down) for one, down in keys]
    keys.append((_T.job_id, query.sort[-1].descending))  # so that pages never overlap
    return [column.desc() if down else column.asc() for column, down in keys]


def _holds(column: ColumnElement[Any], term: str) -> ColumnElement[bool]:
    # SQLite knows the case of ASCII alone, so that of other letters the usual spellings are sought.
    spellings = {term} if term.isascii() else {term, term.lower(), term.upper(), term.title()}
    return or_(*(column.icontains(one, autoescape=True) for one in sorted(spellings)))


def _of_keys_named(organization_id: str, term: str) -> ColumnElement[bool]:
    named = select(_K.prefix).where(_K.organization_id == organization_id, _holds(_K.name, term))
    return _T.key_prefix.in_(named)


def _user(organization_id: str) -> Matches:
    return lambda term: or_(
        _holds(_T.submitted_by, term),
        _holds(_T.key_prefix, term),
        _of_keys_named(organization_id, term),
    )


def _access_key(organization_id: str) -> Matches:
    def matches(term: str) -> ColumnElement[bool]:
        is_meant = or_(_K.prefix == term, _holds(_K.name, term))
        return _T.key_prefix.in_(
            select(_K.prefix).where(_K.organization_id == organization_id, is_meant)
        )

    return matches


def _model(term: str) -> ColumnElement[bool]:
    return or_(_holds(_T.model_name, term), _T.model_id == term, _T.version_id == term)


def _version(term: str) -> ColumnElement[bool]:
    return or_(_T.version_label == term, _T.version_id == term)


def _anything(organization_id: str) -> Matches:
    user = _user(organization_id)
    return lambda term: or_(
        user(term), _model(term), _T.job_id == term, _holds(_T.version_label, term)
    )
