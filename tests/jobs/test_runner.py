"""A runner takes jobs to their end, whatever happens to shards, children, leases and callers."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assay.kernel.jobs.executors import LocalPool
from assay.kernel.jobs.job import Job, Owner
from assay.kernel.jobs.leases import this_process
from assay.kernel.jobs.runner import Runner, Signal
from assay.kernel.jobs.states import JobState
from assay.kernel.storage.store import open_store
from tests.jobs.conftest import ORG, PATIENCE, TEST_KINDS, Gate, House
from tests.jobs.kinds_for_tests import keys

OTHER = Owner(host="elsewhere", boot_id="b", pid=1, started="1", name="other")


def states(house: House, job: Job) -> list[str]:
    """Return the states that the job's log tells of."""
    return [data["to"] for kind, data in house.events(job) if kind == "state"]


def error_of(house: House, job: Job) -> tuple[JobState, str, str]:
    """Return how a job ended and why."""
    ended = house.job(job)
    assert ended.error is not None
    return ended.state, ended.error.reason, ended.error.message


def test_a_job_runs_to_its_result(house: House) -> None:
    """A queued job is claimed, each shard is checkpointed with its event, and its result committed."""
    job = house.steps({"shards": 5})
    house.runner()
    house.signals.wait("ended", job)
    assert house.job(job).state is JobState.SUCCEEDED
    result = json.loads(house.job(job).result or b"")
    assert list(result) == keys({"shards": 5})
    assert states(house, job) == ["QUEUED", "RUNNING", "SUCCEEDED"]
    finished = {data["shard"] for kind, data in house.events(job) if kind == "finished"}
    assert finished == set(result)
    assert house.levels(job)["progress"] == {"done": 5, "total": 5, "rows": 0}


def test_the_end_is_settled_in_its_own_commit(house: House) -> None:
    """What an end means for other nouns is committed with the end, not after it."""
    job = house.steps({})
    house.runner()
    house.signals.wait("ended", job)
    with house.store.read() as tx:
        events = tx.events.after(ORG, job.job_id, 0)
    assert [event.kind for event in events[-2:]] == ["state", "settled"]
    assert events[-1].commit == events[-2].commit


def test_a_large_partial_rests_as_a_blob(house: House) -> None:
    """A partial over 64 KiB is a blob that its row names, and is there when the job is reduced."""
    job = house.steps({"do": {"step-000": "large"}})
    house.runner()
    house.signals.wait("ended", job)
    with house.store.read() as tx:
        [record] = tx.jobs.shards(ORG, job.job_id)
    assert record.partial is None
    assert record.partial_blob is not None
    assert json.loads(house.job(job).result or b"")["step-000"] > 100_000


def test_several_jobs_run_at_a_time(house: House, gate: Gate) -> None:
    """A job that waits does not hold up the next one."""
    slow = house.steps({"do": {"step-000": "block"}, "gate": str(gate.path)})
    house.runner(most_jobs=2)
    house.signals.wait("claimed", slow)
    quick = house.steps({})
    house.signals.wait("ended", quick)
    assert house.job(slow).state is JobState.RUNNING
    gate.open()
    house.signals.wait("ended", slow)


def test_commits_of_other_processes_are_noticed(house: House) -> None:
    """A job submitted through another store on the same file is claimed without a hint."""
    house.runner()
    other = open_store(f"sqlite:///{house.folder}/assay.db")
    job = House(folder=house.folder, store=other, blobs=house.blobs, pool=house.pool).steps({})
    house.signals.wait("ended", job)
    other.close()


def test_a_refusal_in_a_shard_is_the_jobs_error(house: House) -> None:
    """A shard that refuses its input fails the job with the same reason, message and metadata."""
    job = house.steps({"shards": 9, "do": {"step-004": "refuse"}})
    house.runner()
    house.signals.wait("ended", job)
    assert error_of(house, job) == (
        JobState.FAILED, "BAD_PREDICTIONS", "row 7, column score: no."
    )  # fmt: skip  # one fact
    error = house.job(job).error
    assert error is not None
    assert error.metadata == {"row": "7"}
    assert ("settled", {"state": "FAILED"}) in house.events(job)


def test_an_unknown_exception_tells_nothing(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """An exception of our own fails the job as INTERNAL; its text is logged and not stored."""
    job = house.steps({"do": {"step-000": "crash"}})
    house.runner()
    house.signals.wait("ended", job)
    state, reason, message = error_of(house, job)
    assert (state, reason) == (JobState.FAILED, "INTERNAL")
    assert "secret" not in message
    assert "a secret of ours" in caplog.text


def test_too_little_memory_fails_with_the_way_out(house: House) -> None:
    """A shard that needs more memory than a child has fails the job and names the setting."""
    job = house.steps({"do": {"step-000": "memory"}})
    house.runner()
    house.signals.wait("ended", job)
    state, reason, message = error_of(house, job)
    assert (state, reason) == (JobState.FAILED, "TOO_LARGE")
    assert "ASSAY_COMPUTE_MEMORY_BYTES" in message


def test_an_end_that_cannot_be_settled_is_a_failure(house: House) -> None:
    """When settling a success fails, nothing of it is committed and the job fails."""
    job = house.steps({"unsettled": True})
    house.runner()
    house.signals.wait("ended", job)
    assert error_of(house, job)[:2] == (JobState.FAILED, "INTERNAL")
    assert house.job(job).result is None
    assert states(house, job) == ["QUEUED", "RUNNING", "FAILED"]


def test_a_killed_child_does_not_fail_the_job(house: House, tmp_path: Path) -> None:
    """A child killed in the middle of a shard costs no attempt and changes no result."""
    plain = house.steps({"shards": 8})
    spec = {"shards": 8, "do": {"step-003": "kill once"}, "flag": str(tmp_path / "flag")}
    job = house.steps(spec)
    house.runner()
    house.signals.wait("ended", job)
    house.signals.wait("ended", plain)
    assert house.job(job).result == house.job(plain).result
    assert house.job(job).attempts == 1


def test_poison_is_refused_not_retried_for_ever(house: House) -> None:
    """A shard that kills every process that runs it fails its job; the runner lives on."""
    job = house.steps({"shards": 8, "do": {"step-003": "kill"}})
    house.runner()
    house.signals.wait("ended", job)
    assert error_of(house, job)[:2] == (JobState.FAILED, "BAD_FILE")
    after = house.steps({})
    house.signals.wait("ended", after)
    assert house.job(after).state is JobState.SUCCEEDED


def test_a_running_job_is_canceled_at_once(house: House, gate: Gate) -> None:
    """A cancel ends a running job without waiting for its shards or its lease."""
    job = house.steps({"do": {"step-000": "block"}, "gate": str(gate.path)})
    house.runner(lease_seconds=60)
    house.signals.wait("claimed", job)
    with house.store.write() as tx:
        tx.jobs.request_cancel(ORG, job.job_id)
    house.signals.wait("ended", job)
    assert error_of(house, job)[:2] == (JobState.CANCELED, "CANCELED")
    assert ("settled", {"state": "CANCELED"}) in house.events(job)
    gate.open()


def test_a_deadline_ends_a_running_job(house: House, gate: Gate) -> None:
    """A job that is still running at its deadline ends TIMED_OUT."""
    soon = datetime.now(UTC) + timedelta(seconds=0.5)
    job = house.steps({"do": {"step-000": "block"}, "gate": str(gate.path)}, deadline=soon)
    house.runner(lease_seconds=0.4)
    house.signals.wait("ended", job)
    assert house.job(job).state is JobState.TIMED_OUT
    gate.open()


def test_a_graceful_stop_hands_over_what_is_left(house: House, gate: Gate) -> None:
    """A stopping runner gives its lease and attempt back; the next runs only missing shards."""
    log = house.folder / "log"
    spec = {"shards": 9, "do": {"step-008": "block"}, "gate": str(gate.path), "log": str(log)}
    job = house.steps(spec)
    first = house.runner(lease_seconds=60)
    house.signals.wait("checkpoint", job)
    first.stop()
    house.signals.wait("released", job)
    assert house.job(job).state is JobState.QUEUED
    assert house.job(job).attempts == 0
    with house.store.read() as tx:
        done = [record.key for record in tx.jobs.shards(ORG, job.job_id)]
    house.runner()
    gate.open()
    house.signals.wait("ended", job)
    assert house.job(job).state is JobState.SUCCEEDED
    ran = log.read_text().split()
    assert all(ran.count(key) == 1 for key in done)


def test_a_stale_runner_writes_nothing(house: House, gate: Gate) -> None:
    """A runner whose lease was taken by another drops its work and leaves no trace of it."""
    job = house.steps({"do": {"step-000": "block"}, "gate": str(gate.path)})
    house.runner(lease_seconds=60)
    house.signals.wait("claimed", job)
    with house.store.write() as tx:
        tx.jobs.free_dead_leases(dead=lambda _: True)
        taken = tx.jobs.claim(OTHER, 60, ["steps"])
    assert taken is not None
    gate.open()
    house.signals.wait("lost", job)
    assert house.job(job) == taken
    with house.store.read() as tx:
        assert tx.jobs.shards(ORG, job.job_id) == []
    with house.store.write() as tx:
        tx.jobs.end(ORG, job.job_id, taken.epoch, JobState.CANCELED)


def test_a_lost_lease_is_noticed_by_the_heartbeat(house: House, gate: Gate) -> None:
    """A runner whose lease is gone stops at its next heartbeat, without having to write."""
    job = house.steps({"do": {"step-000": "block"}, "gate": str(gate.path)})
    house.runner(lease_seconds=0.4, kinds=TEST_KINDS)
    house.signals.wait("claimed", job)
    with house.store.write() as tx:
        tx.jobs.free_dead_leases(dead=lambda _: True)
        taken = tx.jobs.claim(OTHER, 60, ["steps"])
    assert taken is not None
    house.signals.wait("lost", job)
    gate.open()
    with house.store.write() as tx:
        tx.jobs.end(ORG, job.job_id, taken.epoch, JobState.CANCELED)


def test_a_lease_outlives_a_long_shard(house: House, gate: Gate) -> None:
    """Heartbeats keep a job with its runner for as long as a shard takes."""
    beats = threading.Event()
    job = house.steps({"do": {"step-000": "block"}, "gate": str(gate.path)})
    house.runner(lease_seconds=0.2)
    house.signals.wait("claimed", job)
    count = 0

    def three_leases(_: object) -> None:
        nonlocal count
        count += 1
        if count >= 20:
            beats.set()

    forget = house.store.on_commit(three_leases)
    assert beats.wait(PATIENCE)
    forget()
    gate.open()
    house.signals.wait("ended", job)
    assert house.job(job).epoch == 1


def test_two_runners_share_the_work(house: House) -> None:
    """Any number of runners on one store run each job once."""
    log = house.folder / "log"
    jobs = [house.steps({"shards": 3, "log": str(log)}) for _ in range(12)]
    house.runner(name="one")
    house.runner(name="two")
    for job in jobs:
        house.signals.wait("ended", job)
    assert len(log.read_text().split()) == 36
    assert {house.job(job).epoch for job in jobs} == {1}


def test_a_closed_pool_gives_the_lease_back(house: House) -> None:
    """A runner whose pool was closed under it releases the job instead of failing it."""
    pool = LocalPool(workers=1)
    pool.close()
    job = house.steps({})
    told = threading.Event()

    def listener(signal: Signal) -> None:
        house.signals(signal)
        if signal.what == "released":
            told.set()

    runner = Runner(house.store, executor=pool, kinds=TEST_KINDS, listener=listener)
    runner.start()
    assert told.wait(PATIENCE)
    runner.stop()
    assert house.job(job).attempts == 0


def test_a_spent_job_is_settled(house: House) -> None:
    """A job whose attempts were burned by dying runners ends FAILED, and its end is settled."""
    job = house.steps({}, max_attempts=1)
    with house.store.write() as tx:
        dead = replace(this_process(), started="another process had this pid")
        tx.jobs.claim(dead, 60, ["steps"])
    house.runner()  # frees the leases of dead processes before it claims
    assert error_of(house, job)[:2] == (JobState.FAILED, "ATTEMPTS_SPENT")
    assert ("settled", {"state": "FAILED"}) in house.events(job)
