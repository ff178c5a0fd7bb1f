"""Jobs whose inputs are fetched from a real SeaweedFS, while processes die."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from assay.features.inference.model import InputState, InputType, ItemForm
from assay.features.inference.store import InferenceJobs
from assay.features.inference.submission_service import (
    InferenceRequest,
    InferenceSubmissions,
    SentInput,
    SentItem,
)
from assay.kernel.clock import Clock
from assay.kernel.jobs.job import Job
from assay.kernel.jobs.kind import ComputeSettings
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.runner import Signal
from assay.kernel.object_storage import ObjectLocation, StorageAccess
from assay.kernel.sealing import Sealer
from assay.learning.rows import TaskType
from tests.fixtures.jobs import ORG, JobHarness
from tests.kernel.jobs.test_superseded_blobs import kept_by
from tests.support.killed_runner import run_until_killed
from tests.support.seaweedfs import ACCESS_KEY_ID, SECRET_ACCESS_KEY, SeaweedFs
from tests.support.trained_versions import put_version

SEALER = Sealer.of("tests")
SETTINGS = ComputeSettings(sealer=SEALER, allowed_networks=("127.0.0.0/8",))
INPUTS = 40
OBJECT = b"so it goes, and so it went"


def queued(harness: JobHarness, seaweedfs: SeaweedFs) -> Job:
    """Queue objects, of which every tenth is missing."""
    seaweedfs.put("dying", {"there.txt": OBJECT})
    version = put_version(harness.store, harness.blobs, ORG, TaskType.TEXT_CLASSIFICATION)
    inputs = tuple(
        SentInput(
            name=f"object {at}",
            items=(
                SentItem(
                    name="input.txt",
                    form=ItemForm.FILE,
                    data=b"",
                    location=ObjectLocation(
                        bucket="dying", key="there.txt" if at % 10 else "missing.txt"
                    ),
                ),
            ),
        )
        for at in range(INPUTS)
    )
    request = InferenceRequest(
        model_id=version.model_id,
        input_type=InputType.AWS_S3,
        inputs=inputs,
        storage=StorageAccess(
            endpoint=seaweedfs.endpoint,
            access_key_id=ACCESS_KEY_ID,
            secret_access_key=SECRET_ACCESS_KEY,
        ),
    )
    submissions = InferenceSubmissions(harness.store, harness.blobs, Clock(), sealer=SEALER)
    made = submissions.submit(ORG, request)
    with harness.store.read() as uow:
        return uow[Jobs].get(ORG, made.job_id)


def check_whole(harness: JobHarness, job: Job) -> None:
    """Check that each input has one outcome, one event and its size, and that no object is kept."""
    with harness.store.read() as uow:
        found = uow[InferenceJobs].get(ORG, job.job_id)
        inputs = uow[InferenceJobs].inputs(ORG, job.job_id, limit=100)
    missing = INPUTS // 10
    assert (found.status, found.completed, found.failed) == (
        *("COMPLETED", INPUTS - missing, missing),
    )
    assert found.input_bytes == (INPUTS - missing) * len(OBJECT)
    assert [one.position for one in inputs if one.state is InputState.FAILED] == [0, 10, 20, 30]
    positions = [data["position"] for kind, data in harness.events(job) if kind == "input"]
    assert sorted(positions) == list(range(INPUTS))
    assert kept_by(harness, job) == []


@pytest.mark.slow  # runner processes of their own
@pytest.mark.parametrize(
    "boundary",
    [("claimed", 1), ("checkpoint", 1), ("checkpoint", 3), ("checkpoint", 6), ("ended", 1)],
    ids=str,
)
def test_a_killed_runner_leaves_the_next_what_it_fetched(
    boundary: tuple[str, int], harness: JobHarness, blob_folder: Path, seaweedfs: SeaweedFs
) -> None:
    """Killed between fetching and predicting, each input still has one outcome and one size."""
    job = queued(harness, seaweedfs)
    run_until_killed(harness, blob_folder, *boundary, settings=SETTINGS)
    if boundary[0] != "ended":
        harness.runner(settings=SETTINGS)
        harness.signals.wait("ended", job)
    check_whole(harness, job)


def test_children_that_die_lose_no_fetched_input(harness: JobHarness, seaweedfs: SeaweedFs) -> None:
    """Killed while they fetch and while they predict, each input still has one outcome and one size."""
    job = queued(harness, seaweedfs)
    told = 0

    def listener(news: Signal) -> None:
        nonlocal told
        harness.signals(news)
        told += news.what == "checkpoint"
        if news.what == "checkpoint" and told in (2, 8):
            for pid in harness.pool.pids():
                os.kill(pid, signal.SIGKILL)

    harness.runner(listener=listener, settings=SETTINGS)
    harness.signals.wait("ended", job)
    check_whole(harness, job)
