"""How jobs are stopped: canceled, timed out, or handed over, and what becomes of their processes."""

from __future__ import annotations

import signal
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assay.kernel.jobs.job import Job
from assay.kernel.jobs.states import JobState
from tests.jobs import process
from tests.jobs.conftest import ORG, PATIENCE, Gate, House
from tests.jobs.test_runner import error_of, states


def blocked(house: House, gate: Gate, shards: int = 1, **new: object) -> Job:
    """Submit a job whose shards all wait at the gate."""
    do = {f"step-{number:03d}": "block" for number in range(shards)}
    return house.steps({"shards": shards, "do": do, "gate": str(gate.path)}, **new)


def ended(house: House, job: Job) -> Job:
    """Wait until a job has ended, whoever ended it."""
    told = threading.Event()
    forget = house.store.on_commit(lambda _: told.set())
    while not house.job(job).is_terminal:
        assert told.wait(PATIENCE)
        told.clear()
    forget()
    return house.job(job)


def in_seconds(seconds: float) -> datetime:
    """Return a deadline."""
    return datetime.now(UTC) + timedelta(seconds=seconds)


def test_a_canceled_job_gives_its_processes_back(house: House, gate: Gate) -> None:
    """Shards of a canceled job are stopped with their processes, so that others can run there."""
    job = blocked(house, gate, shards=2)  # both processes of the pool wait for ever
    house.runner(lease_seconds=60)
    house.signals.wait("claimed", job)
    with house.store.write() as tx:
        tx.jobs.request_cancel(ORG, job.job_id)
    house.signals.wait("ended", job)
    assert error_of(house, job)[:2] == (JobState.CANCELED, "CANCELED")
    after = house.steps({"shards": 3})
    house.signals.wait("ended", after)  # the gate is still shut
    assert house.job(after).state is JobState.SUCCEEDED


def test_a_cancel_harms_no_other_job(house: House, gate: Gate) -> None:
    """A shard of another job that runs beside a canceled one runs once, in its own process."""
    log = house.folder / "log"
    other = house.steps({
        "do": {"step-000": "block"}, "gate": str(gate.path), "log": str(log),
    })  # fmt: skip  # one job
    never = Gate(house.folder / "never")
    canceled = blocked(house, never)
    house.runner(lease_seconds=60)
    for job in (other, canceled):
        house.signals.wait("claimed", job)
    with house.store.write() as tx:
        tx.jobs.request_cancel(ORG, canceled.job_id)
    house.signals.wait("ended", canceled)
    third = house.steps({})
    house.signals.wait("ended", third)  # in the process that took the canceled one's place
    gate.open()
    house.signals.wait("ended", other)
    assert log.read_text().split() == ["step-000"]
    never.open()


def test_a_deadline_ends_a_running_job_and_its_processes(house: House, gate: Gate) -> None:
    """A running job ends TIMED_OUT at its deadline, long before its lease or a heartbeat."""
    job = blocked(house, gate, shards=2, deadline=in_seconds(0.5))
    house.runner(lease_seconds=60)
    house.signals.wait("ended", job)
    assert error_of(house, job)[:2] == (JobState.TIMED_OUT, "DEADLINE_PASSED")
    after = house.steps({})
    house.signals.wait("ended", after)


@pytest.mark.parametrize("state", [JobState.OPEN, JobState.QUEUED])
def test_a_deadline_ends_a_waiting_job(house: House, state: JobState) -> None:
    """A job that waits ends TIMED_OUT soon after its deadline, and its end is settled."""
    far = datetime.now(UTC) + timedelta(days=1)
    job = house.steps({}, deadline=in_seconds(0.2), state=state, not_before=far)
    house.runner()
    assert ended(house, job).state is JobState.TIMED_OUT
    assert ("settled", {"state": "TIMED_OUT"}) in house.events(job)


def test_many_overdue_jobs_end_in_one_sweep(house: House) -> None:
    """However many jobs are overdue, one look of a runner ends them all."""
    past = datetime.now(UTC) - timedelta(seconds=1)
    jobs = [house.steps({}, deadline=past, state=JobState.OPEN) for _ in range(250)]
    house.runner()
    assert {ended(house, job).state for job in jobs} == {JobState.TIMED_OUT}


def test_a_stopped_runner_waits_for_no_shard(house: House, gate: Gate) -> None:
    """A runner that stops gives its lease back although a shard would never end."""
    job = blocked(house, gate, shards=2)
    runner = house.runner(lease_seconds=60)
    house.signals.wait("claimed", job)
    runner.stop()
    assert (house.job(job).state, house.job(job).attempts) == (JobState.QUEUED, 0)
    other = house.steps({})
    gate.open()
    house.runner()
    for one in (job, other):
        house.signals.wait("ended", one)
    assert states(house, job) == ["QUEUED", "RUNNING", "QUEUED", "RUNNING", "SUCCEEDED"]


def test_a_terminated_process_hands_its_job_over(
    house: House, gate: Gate, blob_folder: Path
) -> None:
    """SIGTERM ends a runner in the middle of a shard with 0; another goes on without waiting."""
    job = blocked(house, gate)
    first = process.start(house.folder, blob_folder, lease_seconds=60)
    while house.job(job).state is not JobState.RUNNING:
        threading.Event().wait(0.01)  # a poll, as the watch of another process would
    second = process.start(house.folder, blob_folder, lease_seconds=60)
    first.send_signal(signal.SIGTERM)
    assert first.wait(PATIENCE) == 0
    gate.open()
    while not house.job(job).is_terminal:
        threading.Event().wait(0.01)  # as above
    second.send_signal(signal.SIGTERM)
    assert second.wait(PATIENCE) == 0
    assert (house.job(job).state, house.job(job).attempts) == (JobState.SUCCEEDED, 1)
    told = [data.get("reason") for _, data in house.events(job)]
    assert "GIVEN_BACK" in told
    assert "LEASE_LOST" not in told
