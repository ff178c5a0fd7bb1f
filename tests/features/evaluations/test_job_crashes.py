"""Kill -9 of a runner at any task boundary changes no byte of the result and loses no task."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.features.evaluations.job_spec import EvaluationJob
from assay.features.evaluations.model import EvaluationSpec
from assay.features.models.model import TaskType
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import JobState
from assay.kernel.storage.store import open_store
from tests.features.evaluations.test_job import cut, digits
from tests.fixtures.jobs import ORG, TEST_KINDS, JobHarness
from tests.support.job_kinds import keys
from tests.support.killed_runner import run_until_killed

SPEC = EvaluationSpec(task_type=TaskType.CLASSIFICATION)


@pytest.fixture
def uploaded(harness: JobHarness) -> EvaluationJob:
    """A finished upload of digits that nobody has evaluated yet."""
    asked = harness.evaluation(SPEC)
    harness.upload(asked, cut(digits(), [600, 1200]))
    return asked


@pytest.fixture
def expected(harness: JobHarness) -> bytes:
    """The result of the same rows in a harness where nothing dies, cut elsewhere."""
    (harness.folder / "calm").mkdir()
    store = open_store(f"sqlite:///{harness.folder}/calm/assay.db", upgrade=True)
    calm = JobHarness(
        folder=harness.folder / "calm", store=store, blobs=harness.blobs, pool=harness.pool
    )
    asked = calm.evaluation(SPEC)
    runner = calm.runner()
    calm.upload(asked, cut(digits(), [1000]))
    job = calm.job_of(asked)
    calm.signals.wait("ended", job)
    ended = calm.job(job).result
    runner.stop()
    store.close()
    assert ended is not None
    return ended


@pytest.mark.parametrize(
    "boundary", [("claimed", 1), ("checkpoint", 1), ("checkpoint", 2), ("ended", 1)], ids=str
)
def test_a_killed_runner_is_followed_byte_for_byte(
    boundary: tuple[str, int],
    harness: JobHarness,
    uploaded: EvaluationJob,
    expected: bytes,
    blob_folder: Path,
) -> None:
    """A runner killed at a boundary leaves its tasks; the next one ends with the same bytes."""
    run_until_killed(harness, blob_folder, *boundary)
    job = harness.job_of(uploaded)
    with harness.store.read() as uow:
        before = uow[Jobs].tasks(ORG, job.job_id)
    harness.runner(lease_seconds=60)  # far longer than the test: the dead lease is freed at once
    if boundary[0] != "ended":
        harness.signals.wait("ended", job)
    ended = harness.job(job)
    assert ended.state is JobState.SUCCEEDED
    assert ended.result == expected
    with harness.store.read() as uow:
        after = {record.key: record for record in uow[Jobs].tasks(ORG, job.job_id)}
    assert all(after[record.key] == record for record in before)


def test_only_missing_shards_run_again(harness: JobHarness, blob_folder: Path) -> None:
    """After a kill each checkpointed task has run exactly once."""
    log = harness.folder / "log"
    job = harness.steps({"tasks": 12, "log": str(log)})
    run_until_killed(harness, blob_folder, "checkpoint", 3)
    with harness.store.read() as uow:
        kept = [record.key for record in uow[Jobs].tasks(ORG, job.job_id)]
    assert kept
    harness.runner(kinds=TEST_KINDS)
    harness.signals.wait("ended", job)
    ran = log.read_text().split()
    assert sorted(set(ran)) == keys(12)
    assert all(ran.count(key) == 1 for key in kept)
    assert harness.job(job).epoch == 2


@pytest.mark.slow
def test_many_kills_lose_nothing(harness: JobHarness, blob_folder: Path) -> None:
    """A runner killed again and again still brings every job to its one right result."""
    jobs = [harness.steps({"tasks": 20}, max_attempts=50) for _ in range(4)]
    for round_number in range(8):
        run_until_killed(harness, blob_folder, "checkpoint", 1 + round_number)
        if all(harness.job(job).is_terminal for job in jobs):
            break
    harness.runner()
    for job in jobs:
        if not harness.job(job).is_terminal:
            harness.signals.wait("ended", job)
        assert harness.job(job).state is JobState.SUCCEEDED
        events = harness.events(job)
        finished = [data["task"] for kind, data in events if kind == "finished"]
        assert sorted(finished) == keys(20)
