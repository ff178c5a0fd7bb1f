"""A runner takes jobs to their end, whatever happens to tasks, children, leases and callers."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assay.kernel import trace
from assay.kernel.jobs.events import Events
from assay.kernel.jobs.executors.process_pool import LocalPool
from assay.kernel.jobs.job import Job, Owner
from assay.kernel.jobs.leases import this_process
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.runner import Runner, Signal
from assay.kernel.jobs.states import JobState
from assay.kernel.storage.store import open_store
from assay.kernel.trace import TraceParent
from tests.fixtures.jobs import ORG, PATIENCE, TEST_KINDS, Gate, JobHarness
from tests.support.job_kinds import ABSENT, keys

OTHER = Owner(host="elsewhere", boot_id="b", pid=1, started="1", name="other")


def states(harness: JobHarness, job: Job) -> list[str]:
    """Return the states that the job's log tells of."""
    return [data["to"] for kind, data in harness.events(job) if kind == "state"]


def error_of(harness: JobHarness, job: Job) -> tuple[JobState, str, str]:
    """Return how a job ended and why."""
    ended = harness.job(job)
    assert ended.error is not None
    return ended.state, ended.error.reason, ended.error.message


def test_tasks_belong_to_the_trace_of_what_submitted_them(
    harness: JobHarness, tmp_path: Path
) -> None:
    """A job keeps the traceparent that was current at its submission; its tasks see it."""
    log = tmp_path / "log"
    spec = {"tasks": 2, "do": dict.fromkeys(keys(2), "trace"), "log": str(log)}
    traceparent = str(TraceParent.new())
    with trace.using(traceparent):
        job = harness.steps(spec)
    assert job.trace == traceparent
    harness.runner()
    harness.signals.wait("ended", job)
    assert log.read_text().splitlines() == [f"{traceparent} {traceparent}"] * 2


def test_a_job_runs_to_its_result(harness: JobHarness) -> None:
    """A queued job is claimed, each task is checkpointed with its event, and its result committed."""
    job = harness.steps({"tasks": 5})
    harness.runner()
    harness.signals.wait("ended", job)
    assert harness.job(job).state is JobState.SUCCEEDED
    result = json.loads(harness.job(job).result or b"")["sizes"]
    assert list(result) == keys(5)
    assert states(harness, job) == ["QUEUED", "RUNNING", "SUCCEEDED"]
    finished = {data["task"] for kind, data in harness.events(job) if kind == "finished"}
    assert finished == set(result)
    assert harness.levels(job)["progress"] == {"done": 5, "total": 5, "rows": 0}


def test_the_end_is_settled_in_its_own_commit(harness: JobHarness) -> None:
    """What an end means for other nouns is committed with the end, not after it."""
    job = harness.steps({})
    harness.runner()
    harness.signals.wait("ended", job)
    with harness.store.read() as uow:
        events = uow[Events].after(ORG, job.job_id, 0)
    assert [event.kind for event in events[-2:]] == ["state", "settled"]
    assert events[-1].commit == events[-2].commit


def test_a_large_partial_rests_as_a_blob(harness: JobHarness) -> None:
    """A partial over 64 KiB is a blob that its row names, and is there when the job is reduced."""
    job = harness.steps({"do": {"step-000": "large"}})
    harness.runner()
    harness.signals.wait("ended", job)
    with harness.store.read() as uow:
        [record] = uow[Jobs].tasks(ORG, job.job_id)
    assert record.partial is None
    assert record.partial_blob is not None
    assert json.loads(harness.job(job).result or b"")["sizes"]["step-000"] > 100_000


def test_several_jobs_run_at_a_time(harness: JobHarness, gate: Gate) -> None:
    """A job that waits does not hold up the next one."""
    slow = harness.steps({"do": {"step-000": "block"}, "gate": str(gate.path)})
    harness.runner(most_jobs=2)
    harness.signals.wait("claimed", slow)
    quick = harness.steps({})
    harness.signals.wait("ended", quick)
    assert harness.job(slow).state is JobState.RUNNING
    gate.open()
    harness.signals.wait("ended", slow)


def test_commits_of_other_processes_are_noticed(harness: JobHarness) -> None:
    """A job submitted through another store on the same file is claimed without a hint."""
    harness.runner()
    other = open_store(f"sqlite:///{harness.folder}/assay.db")
    job = JobHarness(
        folder=harness.folder, store=other, blobs=harness.blobs, pool=harness.pool
    ).steps({})
    harness.signals.wait("ended", job)
    other.close()


def test_a_refusal_in_a_shard_is_the_jobs_error(harness: JobHarness) -> None:
    """A task that refuses its input fails the job with the same reason, message and metadata."""
    job = harness.steps({"tasks": 9, "do": {"step-004": "refuse"}})
    harness.runner()
    harness.signals.wait("ended", job)
    assert error_of(harness, job) == (
        JobState.FAILED, "BAD_PREDICTIONS", "row 7, column score: no."
    )  # fmt: skip  # one fact
    error = harness.job(job).error
    assert error is not None
    assert error.metadata == {"row": "7"}
    assert ("settled", {"state": "FAILED"}) in harness.events(job)


def test_missing_data_are_told_without_their_blob(
    harness: JobHarness, caplog: pytest.LogCaptureFixture
) -> None:
    """A task whose stored data are gone fails the job; which blob it was is in the log alone."""
    job = harness.steps({"do": {"step-000": "read"}})
    harness.runner()
    harness.signals.wait("ended", job)
    state, reason, message = error_of(harness, job)
    assert (state, reason) == (JobState.FAILED, "DATA_MISSING")
    assert message.startswith(f"Stored data of the steps '{job.job_id}' are missing.")
    assert ABSENT not in f"{message}{harness.job(job).error}"
    assert ABSENT in caplog.text


def test_an_unknown_exception_tells_nothing(
    harness: JobHarness, caplog: pytest.LogCaptureFixture
) -> None:
    """An exception of our own fails the job as INTERNAL; its text is logged and not stored."""
    job = harness.steps({"do": {"step-000": "crash"}})
    harness.runner()
    harness.signals.wait("ended", job)
    state, reason, message = error_of(harness, job)
    assert (state, reason) == (JobState.FAILED, "INTERNAL")
    assert "secret" not in message
    assert "a secret of ours" in caplog.text


def test_too_little_memory_fails_with_the_way_out(harness: JobHarness) -> None:
    """A task that needs more memory than a child has fails the job and names the setting."""
    job = harness.steps({"do": {"step-000": "memory"}})
    harness.runner()
    harness.signals.wait("ended", job)
    state, reason, message = error_of(harness, job)
    assert (state, reason) == (JobState.FAILED, "TOO_LARGE")
    assert "ASSAY_COMPUTE_MEMORY_BYTES" in message


def test_an_end_that_cannot_be_settled_is_a_failure(harness: JobHarness) -> None:
    """When settling a success fails, nothing of it is committed and the job fails."""
    job = harness.steps({"unsettled": True})
    harness.runner()
    harness.signals.wait("ended", job)
    assert error_of(harness, job)[:2] == (JobState.FAILED, "INTERNAL")
    assert harness.job(job).result is None
    assert states(harness, job) == ["QUEUED", "RUNNING", "FAILED"]


def test_a_killed_child_does_not_fail_the_job(harness: JobHarness, tmp_path: Path) -> None:
    """A child killed in the middle of a task costs no attempt and changes no result."""
    plain = harness.steps({"tasks": 8})
    spec = {"tasks": 8, "do": {"step-003": "kill once"}, "flag": str(tmp_path / "flag")}
    job = harness.steps(spec)
    harness.runner()
    harness.signals.wait("ended", job)
    harness.signals.wait("ended", plain)
    assert harness.job(job).result == harness.job(plain).result
    assert harness.job(job).attempts == 1


def test_poison_is_refused_not_retried_for_ever(harness: JobHarness) -> None:
    """A task that kills every process that runs it fails its job; the runner lives on."""
    job = harness.steps({"tasks": 8, "do": {"step-003": "kill"}})
    harness.runner()
    harness.signals.wait("ended", job)
    assert error_of(harness, job)[:2] == (JobState.FAILED, "BAD_FILE")
    after = harness.steps({})
    harness.signals.wait("ended", after)
    assert harness.job(after).state is JobState.SUCCEEDED


def test_a_running_job_is_canceled_at_once(harness: JobHarness, gate: Gate) -> None:
    """A cancel ends a running job without waiting for its tasks or its lease."""
    job = harness.steps({"do": {"step-000": "block"}, "gate": str(gate.path)})
    harness.runner(lease_seconds=60)
    harness.signals.wait("claimed", job)
    with harness.store.write() as uow:
        uow[Jobs].request_cancel(ORG, job.job_id)
    harness.signals.wait("ended", job)
    assert error_of(harness, job)[:2] == (JobState.CANCELED, "CANCELED")
    assert ("settled", {"state": "CANCELED"}) in harness.events(job)
    gate.open()


def test_a_deadline_ends_a_running_job(harness: JobHarness, gate: Gate) -> None:
    """A job that is still running at its deadline ends TIMED_OUT."""
    soon = datetime.now(UTC) + timedelta(seconds=0.5)
    job = harness.steps({"do": {"step-000": "block"}, "gate": str(gate.path)}, deadline=soon)
    harness.runner(lease_seconds=0.4)
    harness.signals.wait("ended", job)
    assert harness.job(job).state is JobState.TIMED_OUT
    gate.open()


def test_a_graceful_stop_hands_over_what_is_left(harness: JobHarness, gate: Gate) -> None:
    """A stopping runner gives its lease and attempt back; the next runs only missing tasks."""
    log = harness.folder / "log"
    spec = {"tasks": 9, "do": {"step-008": "block"}, "gate": str(gate.path), "log": str(log)}
    job = harness.steps(spec)
    first = harness.runner(lease_seconds=60)
    harness.signals.wait("checkpoint", job)
    first.stop()
    harness.signals.wait("released", job)
    assert harness.job(job).state is JobState.QUEUED
    assert harness.job(job).attempts == 0
    with harness.store.read() as uow:
        done = [record.key for record in uow[Jobs].tasks(ORG, job.job_id)]
    harness.runner()
    gate.open()
    harness.signals.wait("ended", job)
    assert harness.job(job).state is JobState.SUCCEEDED
    ran = log.read_text().split()
    assert all(ran.count(key) == 1 for key in done)


def test_a_stale_runner_writes_nothing(harness: JobHarness, gate: Gate) -> None:
    """A runner whose lease was taken by another drops its work and leaves no trace of it."""
    job = harness.steps({"do": {"step-000": "block"}, "gate": str(gate.path)})
    harness.runner(lease_seconds=60)
    harness.signals.wait("claimed", job)
    with harness.store.write() as uow:
        uow[Jobs].free_dead_leases(dead=lambda _: True)
        taken = uow[Jobs].claim(OTHER, 60, ["steps"])
    assert taken is not None
    gate.open()
    harness.signals.wait("lost", job)
    assert harness.job(job) == taken
    with harness.store.read() as uow:
        assert uow[Jobs].tasks(ORG, job.job_id) == []
    with harness.store.write() as uow:
        uow[Jobs].end(ORG, job.job_id, taken.epoch, JobState.CANCELED)


def test_a_lost_lease_is_noticed_by_the_heartbeat(harness: JobHarness, gate: Gate) -> None:
    """A runner whose lease is gone stops at its next heartbeat, without having to write."""
    job = harness.steps({"do": {"step-000": "block"}, "gate": str(gate.path)})
    harness.runner(lease_seconds=0.4, kinds=TEST_KINDS)
    harness.signals.wait("claimed", job)
    with harness.store.write() as uow:
        uow[Jobs].free_dead_leases(dead=lambda _: True)
        taken = uow[Jobs].claim(OTHER, 60, ["steps"])
    assert taken is not None
    harness.signals.wait("lost", job)
    gate.open()
    with harness.store.write() as uow:
        uow[Jobs].end(ORG, job.job_id, taken.epoch, JobState.CANCELED)


def test_a_lease_outlives_a_long_shard(harness: JobHarness, gate: Gate) -> None:
    """Heartbeats keep a job with its runner for as long as a task takes."""
    beats = threading.Event()
    job = harness.steps({"do": {"step-000": "block"}, "gate": str(gate.path)})
    harness.runner(lease_seconds=0.2)
    harness.signals.wait("claimed", job)
    count = 0

    def three_leases(_: object) -> None:
        nonlocal count
        count += 1
        if count >= 20:
            beats.set()

    forget = harness.store.on_commit(three_leases)
    assert beats.wait(PATIENCE)
    forget()
    gate.open()
    harness.signals.wait("ended", job)
    assert harness.job(job).epoch == 1


def test_two_runners_share_the_work(harness: JobHarness) -> None:
    """Any number of runners on one store run each job once."""
    log = harness.folder / "log"
    jobs = [harness.steps({"tasks": 3, "log": str(log)}) for _ in range(12)]
    harness.runner(name="one")
    harness.runner(name="two")
    for job in jobs:
        harness.signals.wait("ended", job)
    assert len(log.read_text().split()) == 36
    assert {harness.job(job).epoch for job in jobs} == {1}


def test_a_closed_pool_gives_the_lease_back(harness: JobHarness) -> None:
    """A runner whose pool was closed under it releases the job instead of failing it."""
    pool = LocalPool(workers=1)
    pool.close()
    job = harness.steps({})
    told = threading.Event()

    def listener(signal: Signal) -> None:
        harness.signals(signal)
        if signal.what == "released":
            told.set()

    runner = Runner(
        harness.store, blobs=harness.blobs, executor=pool, kinds=TEST_KINDS, listener=listener
    )
    runner.start()
    assert told.wait(PATIENCE)
    runner.stop()
    assert harness.job(job).attempts == 0


def test_a_spent_job_is_settled(harness: JobHarness) -> None:
    """A job whose attempts were burned by dying runners ends FAILED, and its end is settled."""
    job = harness.steps({}, max_attempts=1)
    with harness.store.write() as uow:
        dead = replace(this_process(), started="another process had this pid")
        uow[Jobs].claim(dead, 60, ["steps"])
    harness.runner()  # frees the leases of dead processes before it claims
    assert error_of(harness, job)[:2] == (JobState.FAILED, "ATTEMPTS_SPENT")
    assert ("settled", {"state": "FAILED"}) in harness.events(job)
