"""Kill -9 of runners and compute children loses no finished input and writes none twice."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from assay.features.inference.model import (
    InferenceInput,
    InferenceJob,
    InputState,
    InputType,
    ItemForm,
)
from assay.features.inference.store import InferenceJobs
from assay.features.inference.submission_service import (
    InferenceRequest,
    InferenceSubmissions,
    SentInput,
    SentItem,
)
from assay.kernel.clock import Clock
from assay.kernel.jobs.job import Job
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.runner import Signal
from assay.kernel.sealing import Sealer
from assay.learning.rows import TaskType
from tests.fixtures.jobs import ORG, JobHarness
from tests.support.killed_runner import run_until_killed
from tests.support.trained_versions import put_version
from tests.support.training_rows import texts

TEXTS = [page for row in texts()["train"].to_pylist() for page in row["pages"]][:100]


def queued(harness: JobHarness) -> Job:
    """Queue a hundred texts and a wrong one."""
    version = put_version(harness.store, harness.blobs, ORG, TaskType.TEXT_CLASSIFICATION)
    inputs = tuple(
        SentInput(
            name=f"text {at}",
            items=(SentItem(name="input.txt", form=ItemForm.TEXT, data=text.encode()),),
        )
        for at, text in enumerate(TEXTS)
    )
    wrong = SentInput(
        name="wrong", items=(SentItem(name="input.png", form=ItemForm.TEXT, data=b""),)
    )
    request = InferenceRequest(
        model_id=version.model_id, input_type=InputType.TEXT, inputs=(*inputs, wrong)
    )
    made = InferenceSubmissions(
        harness.store, harness.blobs, Clock(), sealer=Sealer.of("tests")
    ).submit(ORG, request)
    with harness.store.read() as uow:
        return uow[Jobs].get(ORG, made.job_id)


def read(harness: JobHarness, job: Job) -> tuple[InferenceJob, list[InferenceInput]]:
    """Return a job and its inputs as they now are."""
    with harness.store.read() as uow:
        found = uow[InferenceJobs].get(ORG, job.job_id)
        return found, uow[InferenceJobs].inputs(ORG, job.job_id, limit=1_000)


def check_whole(harness: JobHarness, job: Job) -> None:
    """Check that every input has its outcome and its event, once."""
    found, inputs = read(harness, job)
    assert (found.status, found.completed, found.failed) == ("COMPLETED", len(TEXTS), 1)
    assert [one.state for one in inputs] == [
        *[InputState.SUCCESSFUL] * len(TEXTS), InputState.FAILED,
    ]  # fmt: skip  # all, and the last
    told = [data["position"] for kind, data in harness.events(job) if kind == "input"]
    assert sorted(told) == list(range(len(TEXTS) + 1))


@pytest.mark.parametrize(
    "boundary",
    [
        ("checkpoint", 2),
        pytest.param(("claimed", 1), marks=pytest.mark.slow),
        pytest.param(("checkpoint", 1), marks=pytest.mark.slow),
        pytest.param(("checkpoint", 5), marks=pytest.mark.slow),
        pytest.param(("ended", 1), marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_a_killed_runner_loses_no_finished_input(
    boundary: tuple[str, int], harness: JobHarness, blob_folder: Path
) -> None:
    """What had finished stays as it was, to the time, and the next runner does the rest."""
    job = queued(harness)
    run_until_killed(harness, blob_folder, *boundary)
    before, inputs = read(harness, job)
    assert before.completed + before.failed == sum(one.ended_at is not None for one in inputs)
    if boundary[0] == "checkpoint":
        assert before.completed > 0
    harness.runner(lease_seconds=60)  # far longer than the test: the dead lease is freed at once
    if boundary[0] != "ended":
        harness.signals.wait("ended", job)
    check_whole(harness, job)
    _, after = read(harness, job)
    assert all(one == after[one.position] for one in inputs if one.ended_at is not None)


def test_children_that_die_lose_no_input(harness: JobHarness) -> None:
    """A job whose compute children are killed between its tasks completes as if nothing were."""
    job = queued(harness)
    told = 0

    def listener(news: Signal) -> None:
        nonlocal told
        harness.signals(news)
        told += news.what == "checkpoint"
        if news.what == "checkpoint" and told == 2:
            for pid in harness.pool.pids():
                os.kill(pid, signal.SIGKILL)

    harness.runner(listener=listener)
    harness.signals.wait("ended", job)
    check_whole(harness, job)
