"""Kill -9 of a training's runner in any stage changes no bit of the model and repeats no task."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from sqlalchemy import select

from assay.features.artifacts.store import VersionArtifacts
from assay.features.evaluations.store import Evaluations
from assay.features.models.versions_store import Versions
from assay.features.training.job_spec import TrainingResult
from assay.features.training.store import ModelJobs
from assay.kernel.jobs.failure_policy import Backoff
from assay.kernel.jobs.job import Job
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.runner import Signal
from assay.kernel.jobs.states import JobState, VersionStatus
from assay.kernel.storage import tables
from assay.kernel.storage.blob_references import job_owner
from assay.kernel.storage.store import open_store
from assay.learning.rows import TaskType
from assay.records import decode
from tests.fixtures.jobs import ORG, JobHarness
from tests.support.killed_runner import run_until_killed
from tests.support.training_rows import (
    OrganizationBlobs,
    Rows,
    put_dataset,
    put_model,
    submit,
    texts,
)

PATH = "a team/Languages"
EPOCHS, TRIALS = 3, 4
SETTINGS = {
    "num_train_epochs": EPOCHS,
    "do_hyperparam_optimization": True,
    "hp_search_num_trials": TRIALS,
    "do_calibration": True,
}


def queued(harness: JobHarness) -> Job:
    """Queue a training of texts, with a search, that nobody has taken yet."""
    blobs = OrganizationBlobs(harness.blobs, ORG)
    rows = Rows(TaskType.TEXT_CLASSIFICATION, texts(), blobs)
    with harness.store.write() as uow:
        put_model(uow, ORG, PATH, TaskType.TEXT_CLASSIFICATION)
        dataset_id = put_dataset(uow, ORG, "Languages", rows)
    job_id = submit(harness.store, harness.blobs, PATH, dataset_id, SETTINGS)
    with harness.store.read() as uow:
        return uow[Jobs].get(ORG, job_id)


@pytest.fixture(scope="module")
def kept() -> dict[str, bytes]:
    """What the tests here share."""
    return {}


@pytest.fixture
def expected(harness: JobHarness, kept: dict[str, bytes]) -> bytes:
    """The result of the same training where nothing dies."""
    if "result" not in kept:
        folder = harness.folder / "calm"
        folder.mkdir()
        store = open_store(f"sqlite:///{folder}/assay.db", upgrade=True)
        calm = JobHarness(folder=folder, store=store, blobs=harness.blobs, pool=harness.pool)
        job = queued(calm)
        runner = calm.runner()
        calm.signals.wait("ended", job)
        ended = calm.job(job)
        runner.stop()
        store.close()
        assert ended.result is not None, ended.error
        kept["result"] = ended.result
    return kept["result"]


# Overlaps, one summary, one featurizer, three blocks of features, trials, epochs, model, splits twice.
@pytest.mark.parametrize(
    "boundary",
    [
        ("checkpoint", 12),
        *(
            pytest.param(one, marks=pytest.mark.slow)
            for one in [("claimed", 1), *(("checkpoint", count) for count in (1, 4, 7, 10, 14, 17))]
        ),
        pytest.param(("ended", 1), marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_a_killed_training_makes_the_same_model(
    boundary: tuple[str, int],
    harness: JobHarness,
    expected: bytes,
    blob_folder: Path,
) -> None:
    """A training killed at a boundary has the artifact, tables and evaluations of a calm one."""
    job = queued(harness)
    run_until_killed(harness, blob_folder, *boundary)
    with harness.store.read() as uow:
        before = uow[Jobs].tasks(ORG, job.job_id)
    harness.runner(lease_seconds=60)  # far longer than the test: the dead lease is freed at once
    if boundary[0] != "ended":
        harness.signals.wait("ended", job)
    ended = harness.job(job)
    assert ended.state is JobState.SUCCEEDED, ended.error
    assert ended.result == expected
    told = [kind for kind, _ in harness.events(job)]
    assert (told.count("epoch"), told.count("trial"), told.count("split")) == (
        len(decode(TrainingResult, expected).tables.epochs or ()), TRIALS, 3,
    )  # fmt: skip  # as short as it is
    with harness.store.read() as uow:
        after = {record.key: record for record in uow[Jobs].tasks(ORG, job.job_id)}
        known = uow[ModelJobs].get(ORG, job.job_id)
        version = uow[Versions].get(ORG, known.model_id, known.version_id)
        made = uow[VersionArtifacts].find(ORG, known.model_id, known.version_id)
        evaluated = uow[Evaluations].splits_evaluated(ORG, known.model_id, known.version_id)
    assert all(after[record.key] == record for record in before)
    assert version.status is VersionStatus.READY
    assert made is not None
    assert made.artifact == decode(TrainingResult, expected).artifact
    assert sorted(evaluated) == ["test", "train", "validation"]


def test_children_that_die_change_no_bit(harness: JobHarness, expected: bytes) -> None:
    """A training whose compute children are killed in trials and in epochs makes the same model."""
    told = 0

    def listener(signal_of: Signal) -> None:
        nonlocal told
        told += signal_of.what == "checkpoint"
        if signal_of.what == "checkpoint" and told in {9, 13}:
            for pid in harness.pool.pids():
                os.kill(pid, signal.SIGKILL)
        harness.signals(signal_of)

    job = queued(harness)
    harness.runner(listener=listener, backoff=Backoff(first=0.01))
    harness.signals.wait("ended", job)
    ended = harness.job(job)
    assert ended.state is JobState.SUCCEEDED, ended.error
    assert ended.result == expected


def test_what_only_the_training_read_is_let_go(harness: JobHarness, expected: bytes) -> None:
    """When a training has ended its job keeps the artifact alone; features and states may go."""
    job = queued(harness)
    harness.runner()
    harness.signals.wait("ended", job)
    artifact = decode(TrainingResult, expected).artifact
    assert artifact is not None
    with harness.store.read() as uow:
        references = tables.blob_references.c
        rows = uow.select(select(references.blob).where(references.owner == job_owner(job.job_id)))
    assert [row.blob for row in rows] == [artifact.blob]
