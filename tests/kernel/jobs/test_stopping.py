"""How jobs are stopped: canceled, timed out, or handed over, and what becomes of their processes."""

from __future__ import annotations

import signal
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assay.kernel.jobs.job import Job
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import JobState
from tests.fixtures.jobs import ORG, PATIENCE, Gate, JobHarness
from tests.kernel.jobs.test_runner import error_of, states
from tests.support import runner_process


def blocked(harness: JobHarness, gate: Gate, tasks: int = 1, **new: object) -> Job:
    """Submit a job whose tasks all wait at the gate."""
    do = {f"step-{number:03d}": "block" for number in range(tasks)}
    return harness.steps({"tasks": tasks, "do": do, "gate": str(gate.path)}, **new)


def ended(harness: JobHarness, job: Job) -> Job:
    """Wait until a job has ended, whoever ended it."""
    told = threading.Event()
    forget = harness.store.on_commit(lambda _: told.set())
    while not harness.job(job).is_terminal:
        assert told.wait(PATIENCE)
        told.clear()
    forget()
    return harness.job(job)


def in_seconds(seconds: float) -> datetime:
    """Return a deadline."""
    return datetime.now(UTC) + timedelta(seconds=seconds)


def test_a_canceled_job_gives_its_processes_back(harness: JobHarness, gate: Gate) -> None:
    """Tasks of a canceled job are stopped with their processes, so that others can run there."""
    job = blocked(harness, gate, tasks=2)  # both processes of the pool wait for ever
    harness.runner(lease_seconds=60)
    harness.signals.wait("claimed", job)
    with harness.store.write() as uow:
        uow[Jobs].request_cancel(ORG, job.job_id)
    harness.signals.wait("ended", job)
    assert error_of(harness, job)[:2] == (JobState.CANCELED, "CANCELED")
    after = harness.steps({"tasks": 3})
    harness.signals.wait("ended", after)  # the gate is still shut
    assert harness.job(after).state is JobState.SUCCEEDED


def test_a_cancel_harms_no_other_job(harness: JobHarness, gate: Gate) -> None:
    """A task of another job that runs beside a canceled one runs once, in its own process."""
    log = harness.folder / "log"
    other = harness.steps({
        "do": {"step-000": "block"}, "gate": str(gate.path), "log": str(log),
    })  # fmt: skip  # one job
    never = Gate(harness.folder / "never")
    canceled = blocked(harness, never)
    harness.runner(lease_seconds=60)
    for job in (other, canceled):
        harness.signals.wait("claimed", job)
    with harness.store.write() as uow:
        uow[Jobs].request_cancel(ORG, canceled.job_id)
    harness.signals.wait("ended", canceled)
    third = harness.steps({})
    harness.signals.wait("ended", third)  # in the process that took the canceled one's place
    gate.open()
    harness.signals.wait("ended", other)
    assert log.read_text().split() == ["step-000"]
    never.open()


def test_a_deadline_ends_a_running_job_and_its_processes(harness: JobHarness, gate: Gate) -> None:
    """A running job ends TIMED_OUT at its deadline, long before its lease or a heartbeat."""
    job = blocked(harness, gate, tasks=2, deadline=in_seconds(0.5))
    harness.runner(lease_seconds=60)
    harness.signals.wait("ended", job)
    assert error_of(harness, job)[:2] == (JobState.TIMED_OUT, "DEADLINE_PASSED")
    after = harness.steps({})
    harness.signals.wait("ended", after)


@pytest.mark.parametrize("state", [JobState.OPEN, JobState.QUEUED])
def test_a_deadline_ends_a_waiting_job(harness: JobHarness, state: JobState) -> None:
    """A job that waits ends TIMED_OUT soon after its deadline, and its end is settled."""
    far = datetime.now(UTC) + timedelta(days=1)
    job = harness.steps({}, deadline=in_seconds(0.2), state=state, not_before=far)
    harness.runner()
    assert ended(harness, job).state is JobState.TIMED_OUT
    assert ("settled", {"state": "TIMED_OUT"}) in harness.events(job)


def test_many_overdue_jobs_end_in_one_sweep(harness: JobHarness) -> None:
    """However many jobs are overdue, one look of a runner ends them all."""
    past = datetime.now(UTC) - timedelta(seconds=1)
    jobs = [harness.steps({}, deadline=past, state=JobState.OPEN) for _ in range(250)]
    harness.runner()
    assert {ended(harness, job).state for job in jobs} == {JobState.TIMED_OUT}


def test_a_stopped_runner_waits_for_no_shard(harness: JobHarness, gate: Gate) -> None:
    """A runner that stops gives its lease back although a task would never end."""
    job = blocked(harness, gate, tasks=2)
    runner = harness.runner(lease_seconds=60)
    harness.signals.wait("claimed", job)
    runner.stop()
    assert (harness.job(job).state, harness.job(job).attempts) == (JobState.QUEUED, 0)
    other = harness.steps({})
    gate.open()
    harness.runner()
    for one in (job, other):
        harness.signals.wait("ended", one)
    assert states(harness, job) == ["QUEUED", "RUNNING", "QUEUED", "RUNNING", "SUCCEEDED"]


def test_a_terminated_process_hands_its_job_over(
    harness: JobHarness, gate: Gate, blob_folder: Path
) -> None:
    """SIGTERM ends a runner in the middle of a task with 0; another goes on without waiting."""
    job = blocked(harness, gate)
    first = runner_process.start(harness.folder, blob_folder, lease_seconds=60)
    while harness.job(job).state is not JobState.RUNNING:
        threading.Event().wait(0.01)  # a poll, as the watch of another process would
    second = runner_process.start(harness.folder, blob_folder, lease_seconds=60)
    first.send_signal(signal.SIGTERM)
    assert first.wait(PATIENCE) == 0
    gate.open()
    while not harness.job(job).is_terminal:
        threading.Event().wait(0.01)  # as above
    second.send_signal(signal.SIGTERM)
    assert second.wait(PATIENCE) == 0
    assert (harness.job(job).state, harness.job(job).attempts) == (JobState.SUCCEEDED, 1)
    told = [data.get("reason") for _, data in harness.events(job)]
    assert "GIVEN_BACK" in told
    assert "LEASE_LOST" not in told
