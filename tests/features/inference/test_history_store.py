"""The history of inference jobs, as a store filters, sorts and pages it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from assay.features.inference import history_query
from assay.features.inference.history_query import HistoryQuery
from assay.features.inference.history_store import InferenceHistory
from assay.features.inference.model import KIND, InputType, NewInferenceJob
from assay.features.inference.statistics_store import InferenceStatistics
from assay.features.inference.store import InferenceJobs
from assay.features.keys.store import Keys
from assay.kernel.errors import InvalidArgument
from assay.kernel.identity import ApiKey
from assay.kernel.jobs.job import NewJob
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import JobState
from assay.kernel.rpc.numbered_pages import NumberedPage
from assay.learning.rows import TaskType
from assay.records import replace
from tests.features.inference.test_store import an_input, finished
from tests.support.store_rows import ORG

NOW = datetime(2026, 3, 13, 14, 22, 11, tzinfo=UTC)
JOB = NewInferenceJob(
    model_id="mdl-1",
    model_name="Sentiment",
    version_id="ver-1",
    version_label="1.0.0",
    task_type=TaskType.TEXT_CLASSIFICATION,
    input_type=InputType.TEXT,
    explain=False,
    timeout_ms=None,
    submitted_by="key:abc",
    key_prefix="abc",
)
# One job each, in the order in which they are made, under the name that the tests give it.
JOBS = {
    "old": JOB,
    "two": replace(JOB, model_name="Größe, 100%", model_id="mdl-2", submitted_by="ann@example.com",
                   key_prefix=None),
    "open": replace(JOB, version_label="2.0.0", version_id="ver-2"),
    "gone": replace(JOB, key_prefix="xyz", submitted_by="key:xyz"),
    "new": replace(JOB, model_name="sentiment_2"),
}  # fmt: skip  # a table


def make(uow: Any, clock: Any) -> dict[str, str]:
    """Store the jobs; return their names by id."""
    for prefix, name in (("abc", "Anna's laptop"), ("xyz", "CI of Jörg")):
        key = ApiKey(
            prefix=prefix, organization_id=ORG, name=name, secret_hash=bytes(32),
            permissions=frozenset(), created_at=NOW,
        )  # fmt: skip  # a row
        uow[Keys].create(ORG, key)
    found = {}
    for number, (name, new) in enumerate(JOBS.items()):
        clock.advance(1)
        state = JobState.OPEN if name == "open" else JobState.QUEUED
        job_id = uow[Jobs].submit(ORG, NewJob(kind=KIND, spec=b"{}", state=state)).job_id
        found[job_id] = name
        if name == "open":
            uow[InferenceJobs].open(ORG, job_id, new)
            continue
        inputs = [an_input(f"{at}") for at in range(5 - number)]
        uow[InferenceJobs].create(ORG, job_id, new, inputs)
        if name == "gone":
            uow[Jobs].request_cancel(ORG, job_id)
        if name == "two":
            uow[InferenceJobs].finish_inputs(
                ORG, job_id, [finished(0, "0"), finished(1, "1", "no")]
            )
    return found


def query(**sent: str) -> HistoryQuery:
    """Return a query as callers send it, by the fields of the request."""
    filters = ("user", "access_key", "model", "model_identifier", "model_version", "search")
    return HistoryQuery(
        **{name: history_query.terms(name, sent.get(name, "")) for name in filters},
        states=history_query.states(sent.get("status", "")),
        sort=history_query.order(sent.get("sort", ""), sent.get("direction", "")),
        page=NumberedPage(number=int(sent.get("page", 1)), size=int(sent.get("size", 10))),
    )


@pytest.fixture
def history(store, clock):
    """Asks the history and returns the names of a page."""
    with store.write() as uow:
        names = make(uow, clock)

    def ask(asked: HistoryQuery) -> list[str]:
        with store.read() as uow:
            return [names[job_id] for job_id in uow[InferenceHistory].page(ORG, asked)]

    return SimpleNamespace(
        ask=ask,
        of=lambda **sent: ask(query(**sent)),
        ids={name: one for one, name in names.items()},
    )


FILTERS = [
    ({}, "new gone open two old"),
    ({"user": "LAPTOP"}, "new open old"),
    ({"user": "jörg"}, "gone"),
    ({"user": "ANN@"}, "two"),
    ({"user": "xy, example"}, "gone two"),
    ({"user": "key:;xyz"}, "gone"),
    ({"user": "%"}, ""),
    ({"access_key": "abc"}, "new open old"),
    ({"access_key": "ab"}, ""),
    ({"access_key": "ci of"}, "gone"),
    ({"model": "SENTIMENT"}, "new gone open old"),
    ({"model": "_2"}, "new"),
    ({"model": "100%"}, "two"),
    ({"model": "GRÖSSE"}, ""),
    ({"model": "größe"}, "two"),
    ({"model": "ver-2"}, "open"),
    ({"model": "mdl-2,ver-2"}, "open two"),
    ({"model_identifier": "mdl-2"}, "two"),
    ({"model_identifier": "mdl"}, ""),
    ({"model_version": "2.0.0,ver-9"}, "open"),
    ({"search": "anna"}, "new open old"),
    ({"status": "all"}, "new gone open two old"),
    ({"status": "Pending"}, "new open two old"),
    ({"status": "open,CANCELED"}, "gone open"),
    ({"status": "terminated"}, "gone"),
    ({"status": "terminated_with_error"}, ""),
    ({"status": "pending;terminated"}, ""),
    ({"status": "pending;open"}, "open"),
    ({"status": "submitted", "user": "anna", "model": "sentiment"}, "new old"),
    ({"size": "2"}, "new gone open"),
    ({"size": "2", "page": "2"}, "open two old"),
    ({"size": "2", "page": "9"}, ""),
    ({"sort": "createdAt"}, "old two open gone new"),
    ({"sort": "TOTAL", "direction": "desc"}, "old two gone new open"),
    ({"sort": "status,total", "direction": "ASC,DESC"}, "gone open old two new"),
    ({"sort": "completed", "direction": "DESC", "size": "1"}, "two *"),
    ({"sort": "fail", "direction": "DESC", "size": "1"}, "gone *"),  # it was canceled
    ({"sort": "model", "size": "1"}, "two *"),
    ({"sort": "submittedBy", "size": "1"}, "two *"),
]


@pytest.mark.parametrize("part", range(4))
def test_filters_and_orders(history, part: int) -> None:
    """Each filter keeps the jobs that it should, in the order that is asked for, page by page."""
    for sent, expected in FILTERS[part::4]:
        names = expected.split()
        found = history.of(**sent)
        if names[-1:] == ["*"]:  # one more is told, whichever it is
            found, names = found[:1], names[:1]
        assert found == names, sent


def test_a_job_is_found_by_its_id(history) -> None:
    """A search finds a job by the whole of its id."""
    job_id = history.ids["gone"]
    assert history.of(search=job_id) == ["gone"]
    assert history.of(search=job_id[:-1]) == []


def test_a_period_holds_both_of_its_ends(history, store) -> None:
    """Jobs made at the start and at the end of a period are in it."""
    with store.read() as uow:
        job = uow[InferenceJobs].get(ORG, history.ids["open"])
    at, tick = job.created_at, timedelta(microseconds=1)
    assert history.ask(HistoryQuery(start=at, end=at)) == ["open"]
    assert "open" not in history.ask(HistoryQuery(start=at + tick))
    assert "open" not in history.ask(HistoryQuery(start=at - 9 * tick, end=at - tick))


def test_another_organization_has_no_history(history, store) -> None:
    """Neither a listing nor a read by id shows jobs of another organization."""
    with store.read() as uow:
        assert uow[InferenceHistory].page("other", HistoryQuery()) == []
        assert uow[InferenceHistory].jobs("other", list(history.ids.values())) == []
        known = uow[InferenceHistory].jobs(ORG, [history.ids["new"], "absent", history.ids["old"]])
    assert [job.job_id for job in known] == [history.ids["new"], history.ids["old"]]


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [
        ("2026-01-02T03:04:05.678", "", "2026-01-02T03:04:05.678000+00:00", None),
        ("2026-01-02T03:04:05+02:00", "", "2026-01-02T01:04:05+00:00", None),
        ("2026-01-02T03:04:05 02:00", "", "2026-01-02T01:04:05+00:00", None),
        ("2026-01-02T03:04:05Z", "2026-01-02", "2026-01-02T03:04:05+00:00",
         "2026-01-02T23:59:59.999999+00:00"),
        (" 2026-01-01 ", "2026-01-02T00:00:00+00:00", "2026-01-01T00:00:00+00:00",
         "2026-01-02T00:00:00+00:00"),
        ("", "", None, None),
    ],
)  # fmt: skip  # a table
def test_times_without_a_zone_are_utc(start: str, end: str, first: str, last: str | None) -> None:
    """Times are ISO 8601 in UTC or with a zone; a day as the end is all of that day."""
    found = [one and one.isoformat() for one in history_query.period(start, end, NOW)]
    assert found == [first, last]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("", "2026-01-01"), ("2026-03-13T14:22:12Z", ""), ("13.3.2026", ""), ("2026-13-01", ""),
        ("0001-01-01T00:00:00+14:00", ""), ("2026-01-02", "2026-01-01"), ("9" * 5000, ""),
    ],
)  # fmt: skip  # a table
def test_periods_that_cannot_be_are_refused(start: str, end: str) -> None:
    """An end alone, a start to come, an end before the start and what is no time are refused."""
    with pytest.raises(InvalidArgument):
        history_query.period(start, end, NOW)


def test_an_index_leads_to_a_page(store, engine) -> None:
    """By time, of a model and of jobs that have not ended, no page looks at all jobs."""
    if engine == "postgresql":
        pytest.skip("PostgreSQL plans by the sizes of tables, which are empty here")
    asked = [
        ("SEARCH inference_jobs USING COVERING INDEX ix_inference_jobs_listing", HistoryQuery()),
        ("ix_inference_jobs_listing", HistoryQuery(start=NOW, end=NOW)),
        ("ix_inference_jobs_model", query(model_identifier="mdl-1")),
        ("SEARCH jobs USING INDEX", query(status="pending")),
        ("SEARCH jobs USING INDEX", query(status="open")),
    ]
    with store.read() as uow:
        for begin, one in asked:
            said: list[str] = []
            uow.driver.set_trace_callback(said.append)
            uow[InferenceHistory].page(ORG, one)
            uow.driver.set_trace_callback(None)
            rows = uow.driver.execute(f"EXPLAIN QUERY PLAN {said[0]}").fetchall()
            plan = [row[3] for row in rows if "SUBQUERY" not in row[3]]
            plan = [step for step in plan if not step.startswith(("CO-ROUTINE", "MATERIALIZE"))]
            assert begin in plan[0], plan
            assert not any(step.startswith("SCAN inference") for step in plan), plan
            assert any("TEMP B-TREE" in step for step in plan) == (one.states is not None), plan


def test_what_keys_ran_is_counted(store, clock):
    """Jobs are counted by key and version, the newest version first, and ended ones of them."""
    with store.write() as uow:
        make(uow, clock)
        abc, xyz = uow[InferenceStatistics].of_keys(ORG)
        assert uow[InferenceStatistics].of_key(ORG, "abc") == abc
        assert uow[InferenceStatistics].of_key(ORG, "none").last_used_at is None
    assert [(one.key_prefix, one.jobs) for one in (abc, xyz)] == [("abc", 3), ("xyz", 1)]
    assert [(one.version_label, one.ended) for one in abc.versions] == [("1.0.0", 0), ("2.0.0", 0)]
    assert [one.ended for one in xyz.versions] == [1]
