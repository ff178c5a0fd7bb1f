"""Runners on PostgreSQL: leases on the database's clock, claims that pass over locked rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assay.kernel.jobs.executors.process_pool import LocalPool
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import JobState
from assay.kernel.storage.blobs import open_blobs
from assay.kernel.storage.store import open_store
from tests.fixtures.jobs import ORG, Gate, JobHarness
from tests.kernel.jobs.test_retries import QUICK, reasons
from tests.support.postgres import running_postgres


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The URL of a migrated database."""
    with running_postgres() as server:
        url = server.url(server.create())
        open_store(url, upgrade=True).close()
        yield url


@pytest.fixture
def pg(url: str, tmp_path: Path, pool: LocalPool, blob_folder: Path) -> Iterator[JobHarness]:
    """A harness on PostgreSQL with the shared pool."""
    store = open_store(url)
    harness = JobHarness(folder=tmp_path, store=store, blobs=open_blobs(blob_folder), pool=pool)
    yield harness
    for runner in harness.runners:
        runner.stop()
    store.close()


def test_two_runners_share_the_work(pg: JobHarness) -> None:
    """Runners with stores of their own run each job once, and each task once."""
    log = pg.folder / "log"
    jobs = [pg.steps({"tasks": 3, "log": str(log)}) for _ in range(10)]
    pg.runner(name="one")
    pg.runner(name="two")
    for job in jobs:
        pg.signals.wait("ended", job)
    assert len(log.read_text().split()) == 30
    assert {pg.job(job).epoch for job in jobs} == {1}
    assert {pg.job(job).state for job in jobs} == {JobState.SUCCEEDED}


def test_a_job_is_put_off_and_tried_again(pg: JobHarness) -> None:
    """A retry waits for its time by the database's clock."""
    job = pg.steps({"do": {"step-000": "away once"}, "flag": str(pg.folder / "flag")})
    pg.runner(backoff=QUICK)
    pg.signals.wait("ended", job)
    assert pg.job(job).state is JobState.SUCCEEDED
    assert reasons(pg, job) == ["RETRY_LATER"]


def test_cancels_and_deadlines_are_obeyed(pg: JobHarness) -> None:
    """Running jobs end at once when they are canceled, and when their deadline passes."""
    gate = Gate(pg.folder / "gate")
    blocked = {"do": {"step-000": "block"}, "gate": str(gate.path)}
    canceled = pg.steps(blocked)
    late = pg.steps(blocked, deadline=datetime.now(UTC) + timedelta(seconds=1))
    pg.runner(lease_seconds=60)
    for job in (canceled, late):
        pg.signals.wait("claimed", job)
    with pg.store.write() as uow:
        uow[Jobs].request_cancel(ORG, canceled.job_id)
    for job, state in ((canceled, JobState.CANCELED), (late, JobState.TIMED_OUT)):
        pg.signals.wait("ended", job)
        assert pg.job(job).state is state
    gate.open()


def test_a_stopped_runner_hands_over(pg: JobHarness) -> None:
    """Another runner goes on with what a stopped one gave back, in the next epoch."""
    gate = Gate(pg.folder / "gate")
    job = pg.steps({"do": {"step-000": "block"}, "gate": str(gate.path)})
    first = pg.runner(lease_seconds=60)
    pg.signals.wait("claimed", job)
    first.stop()
    pg.runners.remove(first)
    pg.runner(lease_seconds=60)
    gate.open()
    pg.signals.wait("ended", job)
    assert (pg.job(job).epoch, pg.job(job).attempts) == (2, 1)
