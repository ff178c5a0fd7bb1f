"""Claims serve organizations in turn, and cost the same however many jobs wait."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from assay.kernel.jobs import events
from assay.kernel.jobs.job import JobFilter
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.ledger_statements import (
    ANY_OVERDUE,
    ORGANIZATIONS_IN_TURN,
    OVERDUE,
    listing,
    oldest_queued,
)
from assay.kernel.jobs.states import JobState
from tests.support.store_rows import LEASE, NEW_JOB, ORG, OTHER, add_job, claimed
from tests.support.threads import together

THIRD = "initech"
MANY = 1000


def crowd(uow, count: int = MANY) -> None:
    """Queue many jobs of ORG."""
    for _ in range(count):
        add_job(uow)


def submit(uow, organization_id: str, **changes):
    return uow[Jobs].submit(organization_id, replace(NEW_JOB, **changes))


def done(uow, job) -> None:
    uow[Jobs].end(job.organization_id, job.job_id, job.epoch, JobState.SUCCEEDED, result=b"{}")


def test_a_thousand_jobs_of_one_do_not_starve_anothers_single_job(store, runner, clock):
    """A runner of one place that has served one organization serves the other one next."""
    with store.write() as uow:
        crowd(uow)
        clock.advance(60)
        single = submit(uow, OTHER)
        first = claimed(uow, runner)
        assert first.organization_id == ORG
        done(uow, first)
        clock.advance(1)
        assert claimed(uow, runner).job_id == single.job_id
        assert claimed(uow, runner).organization_id == ORG


def test_the_organization_with_the_fewest_running_jobs_comes_first(store, runner, clock):
    """Places are shared: with three organizations waiting each gets every third one."""
    with store.write() as uow:
        for organization_id, jobs in ((ORG, 9), (OTHER, 5), (THIRD, 3)):
            for _ in range(jobs):
                submit(uow, organization_id)
                clock.advance(1)
        served = []
        for _ in range(9):
            served.append(claimed(uow, runner).organization_id)
            clock.advance(1)
    assert [served[at : at + 3] for at in (0, 3, 6)] == [[ORG, OTHER, THIRD]] * 3


def test_an_organizations_own_jobs_are_served_in_their_order(store, runner, clock):
    """Within an organization the oldest job is first."""
    with store.write() as uow:
        made = []
        for _ in range(5):
            made.append(add_job(uow).job_id)
            clock.advance(1)
        assert [claimed(uow, runner).job_id for _ in range(5)] == made


def test_who_has_nothing_that_may_run_is_passed_by(store, runner, clock):
    """An organization whose jobs wait for their time, or are of unknown kinds, holds up nobody."""
    later = clock.now() + timedelta(days=4000)
    with store.write() as uow:
        submit(uow, ORG, not_before=later)
        submit(uow, ORG, kind="unknown")
        clock.advance(1)
        job = submit(uow, OTHER)
        assert [row.organization_id for row in uow.all(ORGANIZATIONS_IN_TURN)] == [ORG, OTHER]
        assert claimed(uow, runner).job_id == job.job_id
        assert uow[Jobs].claim(runner, LEASE, ["k"]) is None


def test_runners_at_once_never_get_one_job_and_starve_nobody(store, open_another, runner):
    """Runners that claim at the same moment get different jobs, of both organizations."""
    with store.write() as uow:
        crowd(uow, 40)
        for _ in range(2):
            submit(uow, OTHER)
    stores = [store, open_another()]

    def take(index: int) -> list[tuple[str, str]]:
        got = []
        for _ in range(4):
            with stores[index % 2].write() as uow:
                job = uow[Jobs].claim(runner, LEASE, ["k"])
                if job is not None:
                    got.append((job.organization_id, job.job_id))
        return got

    taken = [one for part in together(take, 4) for one in part]
    assert len(taken) == len(set(taken)) == 16
    assert sum(organization_id == OTHER for organization_id, _ in taken) == 2


def plan(uow, sql: str, values: dict[str, object]) -> str:
    """Return how the database would answer, in its own words."""
    if uow.is_sqlite:
        rows = uow.driver.execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()
        return "\n".join(str(row[3]) for row in rows)
    uow.connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    uow.connection.exec_driver_sql("SET LOCAL enable_sort = off")
    rows = uow.connection.exec_driver_sql(f"EXPLAIN {sql}", values).fetchall()
    return "\n".join(row[0] for row in rows)


@pytest.mark.parametrize(
    ("statement", "values", "index"),
    [
        (ORGANIZATIONS_IN_TURN, {}, "ix_jobs_pending"),
        (
            oldest_queued(frozenset(["k", "evaluation"])),
            {"org": ORG, "now": 1},
            "ix_jobs_",  # two of them hold an organization's jobs of a state in their order
        ),
        (OVERDUE, {"now": 1, "most": 9}, "ix_jobs_deadline"),
        (ANY_OVERDUE, {"now": 1}, "ix_jobs_deadline"),
        (events._OLD, {"before": 1, "most": 9}, "ix_jobs_whole_logs"),
    ],
    ids=["in turn", "oldest", "overdue", "any overdue", "old logs"],
)
def test_what_a_runner_asks_is_answered_by_an_index(store, statement, values, index):
    """Whose turn it is, the oldest job, what is overdue or old are found without reading all."""
    sql, literals = statement.sql(store.engine_name)
    with store.write() as uow:
        crowd(uow, 50)
        if uow.is_sqlite:
            uow.driver.execute("ANALYZE")
        told = plan(uow, sql, {**literals, **values})
    assert index in told
    assert "SCAN jobs" not in told
    assert "Seq Scan" not in told
    assert statement is ORGANIZATIONS_IN_TURN or "SORT" not in told.upper().replace(
        "TEMP B-TREE", "SORT"
    )


@pytest.mark.parametrize(
    ("chosen", "index"),
    [
        (JobFilter(), "ix_jobs_listing"),
        (JobFilter(kind="k"), "ix_jobs_listing_kind"),
        (JobFilter(states=(JobState.FAILED, JobState.QUEUED)), "ix_jobs_listing_state"),
        (JobFilter(kind="k", states=(JobState.QUEUED,)), "ix_jobs_listing_kind"),
        (JobFilter(resource="r"), "ix_jobs_resource"),
    ],
    ids=["all", "kind", "states", "kind and state", "resource"],
)
def test_every_filter_of_a_listing_is_a_range_of_an_index(store, chosen, index):
    """No listing reads more of the history than it shows, whatever the filter."""
    statement = listing(ORG, chosen, limit=20, after=None)
    with store.write() as uow:
        for number in range(300):
            submit(uow, ORG, kind=f"k{number}")
        if not uow.is_sqlite:  # which index is the narrowest follows from what the rows hold
            uow.connection.exec_driver_sql("ANALYZE jobs")
        compiled = statement.compile(
            dialect=uow.connection.dialect, compile_kwargs={"literal_binds": True}
        )
        told = plan(uow, str(compiled).replace("%", "%%"), {})
    assert index in told
    assert "SCAN jobs" not in told
    assert "Seq Scan" not in told


def test_a_listing_is_narrowed_by_each_filter(store, runner, clock):
    """Kind, states, resource and times narrow a listing, alone and together, page by page."""
    with store.write() as uow:
        for number in range(12):
            add_job(uow, kind="k" if number % 3 else "other", resource=f"r{number % 2}")
            clock.advance(1)
        start = clock.now() - timedelta(seconds=12)
        for _ in range(3):
            claimed(uow, runner)
        uow[Jobs].request_cancel(ORG, uow[Jobs].list(ORG, limit=1).items[0].job_id)
        every = uow[Jobs].list(ORG, limit=99).items
        assert len(every) == 12
        middle = start + timedelta(seconds=4)
        for chosen, wanted in (
            (JobFilter(kind="other"), lambda job: job.kind == "other"),
            (
                JobFilter(states=(JobState.RUNNING, JobState.CANCELED)),
                lambda job: job.state in (JobState.RUNNING, JobState.CANCELED),
            ),
            (
                JobFilter(kind="k", states=(JobState.QUEUED,)),
                lambda job: (job.kind, job.state) == ("k", JobState.QUEUED),
            ),
            (
                JobFilter(kind="k", resource="r1", states=(JobState.QUEUED,)),
                lambda job: (job.kind, job.resource, job.state) == ("k", "r1", JobState.QUEUED),
            ),
            (JobFilter(created_after=middle), lambda job: job.created_at >= middle),
            (
                JobFilter(created_before=middle, kind="k"),
                lambda job: job.created_at < middle and job.kind == "k",
            ),
            (JobFilter(kind="none"), lambda _: False),
        ):
            found, after = [], None
            while True:
                page = uow[Jobs].list(ORG, limit=2, after=after, chosen=chosen)
                found += page.items
                if (after := page.next) is None:
                    break
            assert found == [job for job in every if wanted(job)], chosen


def test_a_listing_leaves_specs_and_results_out(store, runner):
    """A page of jobs is small, however large their specs and results are."""
    with store.write() as uow:
        add_job(uow, spec=b"{" + b" " * 10_000 + b"}")
        done(uow, claimed(uow, runner))
        (job,) = uow[Jobs].list(ORG, limit=1).items
        assert (job.state, job.spec, job.result) == (JobState.SUCCEEDED, b"", None)
