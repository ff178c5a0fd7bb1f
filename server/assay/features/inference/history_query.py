"""The query of the history of jobs: filters, order and page, as the camelCase family words them.

In a filter `,` stands for or and `;` for and, which binds less: `a,b;c` is (a or b) and c.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from assay.features.inference.model import WORDS
from assay.kernel.errors import InvalidArgument, clip
from assay.kernel.jobs.states import TERMINAL, JobState
from assay.kernel.rpc.numbered_pages import NumberedPage, sort_order
from assay.kernel.rpc.values import moment_of_text
from assay.records import Record

Terms = tuple[tuple[str, ...], ...]  # all of what any of must hold

MAX_TERMS = 20  # of all filters of one query together

ALL = "ALL"
PENDING = frozenset(state for state in JobState if state not in TERMINAL)
STATES: Mapping[str, frozenset[JobState]] = {
    "PENDING": PENDING,
    "TERMINATED": frozenset(TERMINAL),
    "TERMINATED_WITH_ERROR": frozenset({JobState.FAILED, JobState.TIMED_OUT}),
    **{word: frozenset({state}) for state, word in WORDS.items()},
}

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_ONE_DAY = timedelta(days=1)


class SortColumn(StrEnum):
    """What jobs are sorted by."""

    IDENTIFIER = "identifier"
    SUBMITTED_BY = "submittedBy"
    SUBMITTED_JOBS = "submittedJobs"
    STATUS = "status"
    CREATED_AT = "createdAt"
    UPDATED_AT = "updatedAt"
    SUBMITTED_AT = "submittedAt"
    TOTAL = "total"
    COMPLETED = "completed"
    FAIL = "fail"
    MODEL = "model"


class SortKey(Record):
    """One column of an order."""

    column: SortColumn
    descending: bool


class HistoryQuery(Record):
    """Which jobs are asked for, in which order, and which page of them."""

    user: Terms = ()  # parts of a key's name, of its prefix or of a subject
    access_key: Terms = ()  # a key's prefix, or parts of its name
    model: Terms = ()  # parts of a model's name, or a model's or version's id
    model_identifier: Terms = ()
    model_version: Terms = ()  # label or id
    search: Terms = ()  # parts of any of these, or a job's id
    states: frozenset[JobState] | None = None  # None: all
    start: datetime | None = None  # created then or later
    end: datetime | None = None  # created then or before
    sort: tuple[SortKey, ...] = (SortKey(column=SortColumn.CREATED_AT, descending=True),)
    page: NumberedPage = NumberedPage()


def terms(field: str, sent: str) -> Terms:
    """Return what a filter asks for; blanks around a part, and empty parts, count for nothing.

    Raises:
        InvalidArgument: it has too many parts.
    """
    groups = (
        tuple(part for one in group.split(",") if (part := one.strip()))
        for group in sent.split(";")
    )
    found = tuple(group for group in groups if group)
    if sum(map(len, found)) > MAX_TERMS:
        raise InvalidArgument.of(field, f"at most {MAX_TERMS} parts are allowed")
    return found


def states(sent: str) -> frozenset[JobState] | None:
    """Return the states that a status filter names, in any case; None is all of them.

    Raises:
        InvalidArgument: a word is unknown.
    """
    allowed: frozenset[JobState] | None = None
    for group in terms("status", sent):
        words = [word.upper() for word in group]
        wrong = next((word for word in group if word.upper() not in (ALL, *STATES)), None)
        if wrong is not None:
            known = ", ".join((ALL, *STATES))
            raise InvalidArgument.of(
                "status", f"'{clip(wrong)}' was sent; {known} are allowed, in any case"
            )
        if ALL not in words:
            found = frozenset[JobState]().union(*(STATES[word] for word in words))
            allowed = found if allowed is None else allowed & found
    return allowed


def period(start: str, end: str, now: datetime) -> tuple[datetime | None, datetime | None]:
    """Return the first and the last moment that are asked for; a day as the end is all of that day.

    Raises:
        InvalidArgument: one is no time, the start is to come or after the end, or it is absent.
    """
    first, last = moment_of_text("startDate", start), moment_of_text("endDate", end)
    if last is not None and _DAY.fullmatch(end.strip()):
        last += _ONE_DAY - timedelta(microseconds=1)
    if last is not None and first is None:
        raise InvalidArgument.of("endDate", "was sent without startDate, which it needs")
    if first is not None and first > now:
        raise InvalidArgument.of(
            "startDate", f"'{clip(start)}' lies in the future; it is {now:%Y-%m-%dT%H:%M:%SZ} now"
        )
    if first is not None and last is not None and last < first:
        raise InvalidArgument.of("endDate", f"'{clip(end)}' lies before startDate")
    return first, last


def order(sent: str, directions: str) -> tuple[SortKey, ...]:
    """Return the columns that a listing is sorted by, each with its direction.

    One direction holds for all columns, several stand for one each; newest first is the default.

    Raises:
        InvalidArgument: a column or a direction is unknown, or there are more of these.
    """
    if not sent.strip(" ,;"):  # the newest first, but a name from A to Z
        sent, directions = SortColumn.CREATED_AT.value, directions.strip(" ,;") or "DESC"
    return tuple(
        SortKey(column=SortColumn(name), descending=descending)
        for name, descending in sort_order(sent, directions, tuple(SortColumn))
    )
