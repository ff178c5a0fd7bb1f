"""What a job runs on may fail: then it is tried again, later, and only for so long."""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path

import pytest

from assay.kernel.jobs.events import Events
from assay.kernel.jobs.executors.process_pool import LocalPool
from assay.kernel.jobs.failure_policy import MOST_RETRIES, Backoff
from assay.kernel.jobs.job import Job
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import JobState
from assay.kernel.storage.store import open_store
from tests.fixtures.jobs import ORG, PATIENCE, Gate, JobHarness
from tests.kernel.jobs.test_runner import error_of, states
from tests.support import runner_process
from tests.support.job_kinds import keys

QUICK = Backoff(first=0.001, most=0.002)


def reasons(harness: JobHarness, job: Job) -> list[str]:
    """Return the reasons of the job's state events, where there are any."""
    return [data["reason"] for _, data in harness.events(job) if "reason" in data]


def test_waits_double_up_to_a_limit_and_half_of_each_is_chance() -> None:
    """The n-th wait lies between half and all of min(most, first · 2ⁿ⁻¹)."""
    backoff = Backoff(first=1.0, most=60.0)
    wholes = [1, 2, 4, 8, 16, 32, 60, 60]
    for number, whole in enumerate(wholes, start=1):
        assert backoff.seconds(number, lambda: 0.0) == whole / 2
        assert whole / 2 < backoff.seconds(number, lambda: 0.999) < whole
    assert backoff.seconds(10_000, lambda: 0.0) == 30


def test_what_cannot_be_reached_is_tried_again_later(harness: JobHarness) -> None:
    """A task that cannot reach what it needs puts its job off, which burns no attempt."""
    spec = {"tasks": 4, "do": {"step-002": "away once"}, "flag": str(harness.folder / "flag")}
    job = harness.steps(spec)
    harness.runner(backoff=QUICK)
    harness.signals.wait("ended", job)
    ended = harness.job(job)
    assert (ended.state, ended.attempts, ended.epoch) == (JobState.SUCCEEDED, 1, 2)
    assert states(harness, job) == ["QUEUED", "RUNNING", "QUEUED", "RUNNING", "SUCCEEDED"]
    assert reasons(harness, job) == ["RETRY_LATER"]


def test_a_job_that_is_put_off_waits_for_its_time(harness: JobHarness) -> None:
    """The wait is noted in the job, made longer by chance, and nobody claims it before."""
    spec = {"do": {"step-000": "away once"}, "flag": str(harness.folder / "flag")}
    job = harness.steps(spec)
    harness.runner(backoff=Backoff(first=3600.0, most=3600.0), jitter=lambda: 0.5)
    harness.signals.wait("retried", job)
    waiting = harness.job(job)
    assert waiting.state is JobState.QUEUED
    assert waiting.not_before is not None
    assert (waiting.not_before - waiting.updated_at).total_seconds() == pytest.approx(2700, abs=60)
    with harness.store.read() as uow:
        assert not uow[Jobs].claimable(["steps"])


def test_shards_that_finished_beside_a_failure_are_kept(harness: JobHarness) -> None:
    """What was finished before a job was put off is not run again."""
    log = harness.folder / "log"
    spec = {
        "tasks": 9, "do": {"step-008": "away once"}, "flag": str(harness.folder / "flag"),
        "log": str(log),
    }  # fmt: skip  # one spec
    job = harness.steps(spec)
    harness.runner(backoff=QUICK)
    harness.signals.wait("ended", job)
    ran = log.read_text().split()
    assert sorted(set(ran)) == keys(spec["tasks"])
    with harness.store.read() as uow:
        events = uow[Events].after(ORG, job.job_id, 0)
    put_off = next(event.sequence for event in events if "reason" in event.data)
    kept = [e.data["task"] for e in events if e.kind == "finished" and e.sequence < put_off]
    assert all(ran.count(key) == 1 for key in kept)


def test_what_can_never_be_reached_fails_the_job_at_last(harness: JobHarness) -> None:
    """After ten retries without progress the job fails as UNAVAILABLE and names the task."""
    job = harness.steps({"do": {"step-000": "away"}})
    harness.runner(backoff=QUICK)
    harness.signals.wait("ended", job)
    state, reason, message = error_of(harness, job)
    assert (state, reason) == (JobState.FAILED, "UNAVAILABLE")
    assert f"task step-000 failed, and {MOST_RETRIES} times more" in message
    assert reasons(harness, job) == ["RETRY_LATER"] * MOST_RETRIES + ["UNAVAILABLE"]
    assert ("settled", {"state": "FAILED"}) in harness.events(job)


def test_a_shards_own_error_is_not_tried_again(harness: JobHarness) -> None:
    """What the work itself raises fails the job in its first attempt."""
    for what, reason in (("refuse", "BAD_PREDICTIONS"), ("crash", "INTERNAL")):
        job = harness.steps({"tasks": 3, "do": {"step-001": what}})
        if not harness.runners:
            harness.runner(backoff=QUICK)
        harness.signals.wait("ended", job)
        assert error_of(harness, job)[:2] == (JobState.FAILED, reason)
        assert harness.job(job).epoch == 1


def test_a_shard_that_kills_its_children_fails_the_job_by_name(harness: JobHarness) -> None:
    """A task that ends its process in every attempt fails the job, which says so and names it."""
    job = harness.steps({"tasks": 5, "do": {"step-003": "kill"}}, max_attempts=2)
    harness.runner(backoff=QUICK)
    harness.signals.wait("ended", job)
    state, reason, message = error_of(harness, job)
    assert (state, reason) == (JobState.FAILED, "BAD_FILE")
    assert "In each of 2 attempts task step-003 ended its compute process" in message
    assert harness.job(job).attempts == 2


def test_a_shard_that_kills_its_runner_fails_the_job_by_name(
    harness: JobHarness, blob_folder: Path
) -> None:
    """A job that takes each runner down is given up, and names the one task that did it."""
    spec = {"tasks": 6, "do": {"step-004": "kill runner"}}
    job = harness.steps(spec, max_attempts=2)
    for _ in range(2):
        assert runner_process.start(harness.folder, blob_folder).wait(PATIENCE) == -signal.SIGKILL
    harness.runner()
    state, reason, message = error_of(harness, job)
    assert (state, reason) == (JobState.FAILED, "ATTEMPTS_SPENT")
    assert "started 2 times" in message
    error = harness.job(job).error
    assert error is not None
    assert error.metadata == {"attempts": "2", "in_flight": "task step-004"}


def test_a_store_that_is_away_for_a_moment_costs_no_work(harness: JobHarness, gate: Gate) -> None:
    """A checkpoint that the store cannot take is kept and committed when it can."""
    log = harness.folder / "log"
    spec = {"do": {"step-000": "block"}, "gate": str(gate.path), "log": str(log)}
    job = harness.steps(spec)
    refused = threading.Event()

    class Waits:
        """Jitter that tells when it is asked, which is when a commit was refused."""

        def __call__(self) -> float:
            refused.set()
            return 0.0

    harness.runner(lease_seconds=60, backoff=Backoff(first=0.01), jitter=Waits())
    harness.signals.wait("claimed", job)
    with harness.store.write() as uow:
        uow.driver.execute("PRAGMA busy_timeout=1")
    other = open_store(f"sqlite:///{harness.folder}/assay.db")
    with other.write():
        gate.open()
        assert refused.wait(PATIENCE)
    harness.signals.wait("ended", job)
    other.close()
    ended = harness.job(job)
    assert (ended.state, ended.epoch) == (JobState.SUCCEEDED, 1)
    assert log.read_text().split() == ["step-000"]


def test_a_runner_without_processes_takes_no_job(harness: JobHarness, tmp_path: Path) -> None:
    """While no compute process can be started jobs wait unharmed; then they run."""
    (tmp_path / "path").mkdir()
    sys.path.insert(0, str(tmp_path / "path"))  # children look where their parent does
    pool = LocalPool(workers=1, preload=("late_module_2",))
    try:
        job = harness.steps({})
        runner = harness.runner(executor=pool, name="broken")
        with pytest.raises(RuntimeError):
            pool.warm_up()
        assert harness.job(job).attempts <= 1
        (tmp_path / "path" / "late_module_2.py").write_text("")
        harness.signals.wait("ended", job)
        assert harness.job(job).attempts == 1
        assert harness.job(job).state is JobState.SUCCEEDED
        runner.stop()
        harness.runners.remove(runner)
    finally:
        sys.path.remove(str(tmp_path / "path"))
        pool.close()


def test_results_are_the_same_whatever_was_retried(harness: JobHarness) -> None:
    """A job that was put off and lost children ends with the bytes of an undisturbed one."""
    plain = harness.steps({"tasks": 6})
    spec = {"tasks": 6, "do": {"step-001": "away once", "step-004": "kill once"}}
    rough = harness.steps({**spec, "flag": str(harness.folder / "flag")})
    harness.runner(backoff=QUICK)
    for job in (plain, rough):
        harness.signals.wait("ended", job)
    assert json.loads(harness.job(rough).result or b"") == json.loads(
        harness.job(plain).result or b""
    )
