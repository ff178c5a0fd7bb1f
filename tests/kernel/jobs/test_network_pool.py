"""Tasks that wait for another machine run in a pool of their own, which starts when needed."""

from __future__ import annotations

import psutil
import pytest

from assay.kernel.jobs.executors import process_pool
from assay.kernel.jobs.executors.process_pool import LocalPool
from assay.kernel.jobs.states import JobState
from tests.support import job_kinds as tasks

PATIENCE = 30.0


@pytest.fixture
def network():
    """A pool of three children at most, of which none was needed yet."""
    pool = LocalPool(workers=3, least=0)
    yield pool
    pool.close()


def test_children_are_started_when_tasks_come_and_leave_when_none_do(network, monkeypatch):
    """A pool on demand has no child at first, one for one task, and none again some time later."""
    monkeypatch.setattr(process_pool, "IDLE_SECONDS", 0.2)
    assert network.is_usable
    assert network.pids() == frozenset()
    child = psutil.Process(network.submit(tasks.pid).result(PATIENCE))
    child.wait(PATIENCE)  # which raises where it stays
    assert network.submit(tasks.pid).result(PATIENCE) != child.pid


def test_jobs_that_wait_hold_no_place_of_those_that_compute(harness, network, gate):
    """Five jobs that hang in the network leave the one place of a runner to a job that computes."""
    hanging = [
        harness.steps({"waits": True, "gate": str(gate.path), "do": {"step-000": "block"}})
        for _ in range(5)
    ]
    quick = harness.steps({})
    harness.runner(network=network, most_jobs=1)
    harness.signals.wait("ended", quick)
    assert {harness.job(one).state for one in hanging} == {JobState.RUNNING}
    gate.open()
    for one in hanging:
        harness.signals.wait("ended", one)
        assert harness.job(one).state is JobState.SUCCEEDED
