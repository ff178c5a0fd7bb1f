"""Kill -9 of a runner at any shard boundary changes no byte of the result and loses no shard."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from assay.features.evaluations.job_spec import EvaluationJob
from assay.features.evaluations.model import EvaluationSpec
from assay.features.models.model import TaskType
from assay.kernel.jobs.states import JobState
from assay.kernel.storage.store import open_store
from tests.jobs.conftest import ORG, PATIENCE, TEST_KINDS, House
from tests.jobs.kinds_for_tests import keys
from tests.jobs.test_evaluation import cut, digits

ROOT = Path(__file__).parents[2]
SPEC = EvaluationSpec(task_type=TaskType.CLASSIFICATION)

# A runner process that kills itself, pool and all, at the given signal.
RUNNER = """
import os, signal, sys, threading
from assay.settings import prepare_compute_environment
prepare_compute_environment()
from assay.kernel.jobs.executors import LocalPool
from assay.kernel.jobs.runner import Runner
from assay.kernel.storage.store import open_store
from tests.jobs.conftest import TEST_KINDS

if __name__ == "__main__":
    folder, blobs, what, count = sys.argv[1:]
    told = 0

    def listener(news):
        global told
        told += news.what == what
        if told == int(count):
            os.kill(os.getpid(), signal.SIGKILL)

    pool = LocalPool(workers=1, blobs_url=blobs)
    store = open_store(f"sqlite:///{folder}/assay.db")
    Runner(store, executor=pool, kinds=TEST_KINDS, listener=listener, lease_seconds=60).start()
    threading.Event().wait()
"""


def run_until_killed(house: House, blobs: Path, what: str, count: int) -> None:
    """Run a runner process that dies at its `count`-th signal `what`."""
    script = house.folder / "runner.py"
    script.write_text(RUNNER)
    path = f"{ROOT / 'client'}:{ROOT / 'server'}:{ROOT}"
    arguments = [sys.executable, str(script), str(house.folder), str(blobs), what, str(count)]
    process = subprocess.Popen(arguments, env={**os.environ, "PYTHONPATH": path})
    assert process.wait(PATIENCE) == -9


@pytest.fixture
def uploaded(house: House) -> EvaluationJob:
    """A finished upload of digits that nobody has evaluated yet."""
    asked = house.evaluation(SPEC)
    house.upload(asked, cut(digits(), [600, 1200]))
    return asked


@pytest.fixture
def expected(house: House) -> bytes:
    """The result of the same rows in a house where nothing dies, cut elsewhere."""
    (house.folder / "calm").mkdir()
    store = open_store(f"sqlite:///{house.folder}/calm/assay.db", upgrade=True)
    calm = House(folder=house.folder / "calm", store=store, blobs=house.blobs, pool=house.pool)
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
    house: House,
    uploaded: EvaluationJob,
    expected: bytes,
    blob_folder: Path,
) -> None:
    """A runner killed at a boundary leaves its shards; the next one ends with the same bytes."""
    run_until_killed(house, blob_folder, *boundary)
    job = house.job_of(uploaded)
    with house.store.read() as tx:
        before = tx.jobs.shards(ORG, job.job_id)
    house.runner(lease_seconds=60)  # far longer than the test: the dead lease is freed at once
    if boundary[0] != "ended":
        house.signals.wait("ended", job)
    ended = house.job(job)
    assert ended.state is JobState.SUCCEEDED
    assert ended.result == expected
    with house.store.read() as tx:
        after = {record.key: record for record in tx.jobs.shards(ORG, job.job_id)}
    assert all(after[record.key] == record for record in before)


def test_only_missing_shards_run_again(house: House, blob_folder: Path) -> None:
    """After a kill each checkpointed shard has run exactly once."""
    log = house.folder / "log"
    job = house.steps({"shards": 12, "log": str(log)})
    run_until_killed(house, blob_folder, "checkpoint", 3)
    with house.store.read() as tx:
        kept = [record.key for record in tx.jobs.shards(ORG, job.job_id)]
    assert kept
    house.runner(kinds=TEST_KINDS)
    house.signals.wait("ended", job)
    ran = log.read_text().split()
    assert sorted(set(ran)) == keys({"shards": 12})
    assert all(ran.count(key) == 1 for key in kept)
    assert house.job(job).epoch == 2


@pytest.mark.slow
def test_many_kills_lose_nothing(house: House, blob_folder: Path) -> None:
    """A runner killed again and again still brings every job to its one right result."""
    jobs = [house.steps({"shards": 20}, max_attempts=50) for _ in range(4)]
    for round_number in range(8):
        run_until_killed(house, blob_folder, "checkpoint", 1 + round_number)
        if all(house.job(job).is_terminal for job in jobs):
            break
    house.runner()
    for job in jobs:
        if not house.job(job).is_terminal:
            house.signals.wait("ended", job)
        assert house.job(job).state is JobState.SUCCEEDED
        events = house.events(job)
        finished = [data["shard"] for kind, data in events if kind == "finished"]
        assert sorted(finished) == keys({"shards": 20})
