"""Kill -9 of a runner at any task boundary of an upload or a partition changes no revision."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.features.datasets.job_spec import (
    PARTITION_KIND,
    UPLOAD_KIND,
    SplitPartition,
    SplitUpload,
)
from assay.features.datasets.model import NewDataset
from assay.features.datasets.store import Datasets
from assay.kernel.jobs.job import Job, NewJob
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import JobState
from assay.learning.rows import TaskType
from assay.records import encode
from assay.tabular.opening import JSON_LINES
from tests.fixtures.jobs import ORG, JobHarness
from tests.support.dataset_rows import json_lines, text_row
from tests.support.killed_runner import run_until_killed

FILE = json_lines(text_row(number) for number in range(2000))


def submitted(harness: JobHarness, kind: str, spec: SplitUpload | SplitPartition) -> Job:
    blobs = (spec.blob,) if isinstance(spec, SplitUpload) else ()
    new = NewJob(kind=kind, spec=encode(spec), resource=spec.dataset_id, blobs=blobs)
    with harness.store.write() as uow:
        return uow[Jobs].submit(ORG, new)


def upload(harness: JobHarness, name: str) -> Job:
    """Submit the upload of the file to a new dataset."""
    new = NewDataset(name=name, task_type=TaskType.TEXT_CLASSIFICATION)
    with harness.store.write() as uow:
        dataset_id = uow[Datasets].create(ORG, new).dataset_id
    spec = SplitUpload(
        dataset_id=dataset_id, split="train", task_type=new.task_type, source=JSON_LINES,
        blob=harness.blobs.put(ORG, FILE), like=None, created_by="ann",
    )  # fmt: skip  # one value
    return submitted(harness, UPLOAD_KIND, spec)


def ended(harness: JobHarness, job: Job) -> Job:
    """Return a job once a runner has brought it to its end."""
    runner = harness.runner(lease_seconds=60)
    if not harness.job(job).is_terminal:
        harness.signals.wait("ended", job)
    runner.stop()
    harness.runners.remove(runner)
    return harness.job(job)


def content(harness: JobHarness, job: Job) -> str:
    with harness.store.read() as uow:
        revision = uow[Datasets].revision_of(ORG, job.job_id)
    assert revision is not None
    return revision.content_hash


@pytest.mark.parametrize("boundary", [("claimed", 1), ("checkpoint", 1), ("ended", 1)], ids=str)
def test_a_killed_upload_is_one_revision(
    boundary: tuple[str, int], harness: JobHarness, blob_folder: Path
) -> None:
    """An upload whose runner was killed ends with the rows of one that was not, in one revision."""
    killed = upload(harness, "killed")
    run_until_killed(harness, blob_folder, *boundary)
    assert ended(harness, killed).state is JobState.SUCCEEDED
    calm = upload(harness, "calm")
    assert ended(harness, calm).state is JobState.SUCCEEDED
    assert content(harness, killed) == content(harness, calm)
    with harness.store.read() as uow:
        assert uow[Datasets].get(ORG, killed.resource or "").revision == 1


@pytest.mark.parametrize("boundary", [("checkpoint", 1), ("checkpoint", 2)], ids=str)
def test_a_killed_partition_is_one_revision(
    boundary: tuple[str, int], harness: JobHarness, blob_folder: Path
) -> None:
    """A partition whose runner was killed ends with the splits of one that was not."""
    hashes = []
    for name in ("killed", "calm"):
        uploaded = ended(harness, upload(harness, name))
        with harness.store.read() as uow:
            stored = uow[Datasets].revision(ORG, uploaded.resource or "").splits["train"]
        spec = SplitPartition(
            dataset_id=uploaded.resource or "", source="train", manifest=stored.manifest,
            fractions={"train": 0.5, "test": 0.5}, seed=3, stratified=True, grouped=False,
            created_by="ann",
        )  # fmt: skip  # one value
        job = submitted(harness, PARTITION_KIND, spec)
        if name == "killed":
            run_until_killed(harness, blob_folder, *boundary)
        assert ended(harness, job).state is JobState.SUCCEEDED
        hashes.append(content(harness, job))
    assert hashes[0] == hashes[1]
