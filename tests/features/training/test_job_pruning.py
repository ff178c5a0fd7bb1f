"""Prunings of stored versions: smaller versions, measured before and after."""

from __future__ import annotations

from typing import Any

import pytest

from assay.features.datasets import split_writer
from assay.features.training.job_pruning import PruningKind
from assay.features.training.job_spec import EvaluatedResult, VersionPruning
from assay.kernel.errors import FailedPrecondition
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.storage.blobs import open_blobs
from assay.learning.hyperparameters import Hyperparameters, resolve
from assay.learning.model import Model
from assay.learning.pruning import ALLOWANCE
from assay.learning.rows import TaskType
from assay.records import decode, replace
from tests.fixtures.jobs import ORG
from tests.support.kind_in_process import InProcessRun, run_in_process
from tests.support.learning_rows import trained
from tests.support.training_rows import Rows, digits, images, invoices, texts

TEXT = TaskType.TEXT_CLASSIFICATION


@pytest.fixture(scope="module")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> JobBlobs:
    """The blobs of an organization."""
    return JobBlobs(open_blobs(tmp_path_factory.mktemp("blobs")), ORG)


@pytest.fixture(scope="module")
def model() -> Model:
    """A model of four languages."""
    return trained(TEXT, texts()["train"].to_batches(), num_train_epochs=3)


@pytest.fixture(scope="module")
def job(model: Model, blobs: JobBlobs) -> VersionPruning:
    """A pruning to nine tenths."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(split_writer, "BLOCK_ROWS", 20)
        rows = Rows(TEXT, texts(), blobs)
    return VersionPruning(
        model_id="mdl-1",
        version_id="ver-2",
        artifact=blobs.put(model.encode()),
        manifests={name: one.manifest for name, one in rows.stored.items()},
        task_type=TEXT,
        labels=model.labels,
        positive_label=None,
        target_sparsity=0.9,
        learning_version="1.0.0",
    )


def run(job: VersionPruning, blobs: JobBlobs, finished: Any = ()) -> InProcessRun:
    """Run a pruning in this process."""
    return run_in_process(PruningKind(), job, blobs, finished)


def tuned(job: VersionPruning, model: Model, epochs: int) -> VersionPruning:
    """Return a pruning that trains the model on."""
    values = {**model.hyperparameters.values, "num_train_epochs": epochs, "learning_rate": 1e-5}
    tuning: Hyperparameters = resolve(TEXT, values)
    return replace(job, tuning=tuning)


def test_a_pruning_makes_a_smaller_model_and_says_what_it_changed(
    job: VersionPruning, model: Model, blobs: JobBlobs
) -> None:
    """The table has sparsity, bytes, latency and metrics before and after."""
    result = decode(EvaluatedResult, run(job, blobs).result)
    measures = {one.measure: one for one in result.tables.pruning}
    assert measures["Sparsity"].before == pytest.approx(0, abs=0.05)
    assert measures["Sparsity"].after >= 0.9
    assert measures["Stored bytes"].before == len(model.encode())
    assert result.artifact is not None
    stored = blobs.read(result.artifact.blob)
    assert measures["Stored bytes"].after == len(stored) == result.artifact.bytes
    assert len(stored) <= ALLOWANCE * 0.1 * len(model.encode())
    assert measures["Milliseconds per record"].after > 0
    assert measures["accuracy"].after > measures["accuracy"].before - 0.1
    assert Model.decode(stored).labels == model.labels
    assert [one.dataset_split for one in result.splits] == ["test", "train", "validation"]
    assert result.tables.epochs is None


def test_a_pruned_model_is_trained_on_where_that_is_asked(
    job: VersionPruning, model: Model, blobs: JobBlobs
) -> None:
    """Epochs after the pruning are told, and leave a model of the same size."""
    plain = decode(EvaluatedResult, run(job, blobs).result)
    result = decode(EvaluatedResult, run(tuned(job, model, 2), blobs).result)
    assert len(result.tables.epochs or ()) == 2
    assert result.artifact is not None
    assert plain.artifact is not None
    assert result.artifact.bytes <= plain.artifact.bytes
    assert result.artifact.blob != plain.artifact.blob


def test_a_stop_changes_no_bit_of_the_model_and_its_numbers(
    job: VersionPruning, model: Model, blobs: JobBlobs
) -> None:
    """What finished before a stop is not run again; all but latencies is as it would have been."""
    spec = tuned(job, model, 2)
    whole = run(spec, blobs)
    for count in (1, len(whole.records) // 2, len(whole.records) - 1):
        rest = run(spec, blobs, whole.records[:count])
        assert len(rest.tasks) == len(whole.tasks) - count
        results = [decode(EvaluatedResult, one.result) for one in (whole, rest)]
        assert results[0].artifact == results[1].artifact
        assert results[0].splits == results[1].splits


def test_a_size_is_a_target_too(job: VersionPruning, model: Model, blobs: JobBlobs) -> None:
    """A version can be pruned to a number of bytes."""
    most = len(model.encode()) // 8
    result = decode(
        EvaluatedResult, run(replace(job, target_sparsity=None, target_bytes=most), blobs).result
    )
    assert result.artifact is not None
    assert result.artifact.bytes <= most


def test_a_target_out_of_reach_ends_the_job_with_the_way_out(
    job: VersionPruning, blobs: JobBlobs
) -> None:
    """A target that leaves no room says what is in reach."""
    with pytest.raises(FailedPrecondition, match=r"cannot be pruned: .* out of reach"):
        run(replace(job, target_sparsity=0.9999), blobs)


@pytest.mark.parametrize(
    ("task_type", "splits", "given", "measure"),
    [
        (TaskType.TABULAR_CLASSIFICATION, digits, {"num_train_epochs": 10}, "accuracy"),
        (TaskType.IMAGE_CLASSIFICATION, images, {"num_train_epochs": 3}, "accuracy"),
        (TaskType.EXTRACTION, invoices, {"num_train_epochs": 3}, "f1_score"),
    ],
)
def test_versions_of_every_task_are_pruned(
    task_type: TaskType, splits: Any, given: Any, measure: str, blobs: JobBlobs
) -> None:
    """Ensembles of trees, images and extractions are pruned and measured as texts are."""
    whole = trained(task_type, splits()["train"].combine_chunks().to_batches(), **given)
    rows = Rows(task_type, splits(), blobs)
    labels = tuple(label for label in whole.labels if label != "O")
    fields = tuple(dict.fromkeys(label.removeprefix("B-").removeprefix("I-") for label in labels))
    asked = VersionPruning(
        model_id="mdl-1",
        version_id="ver-2",
        artifact=blobs.put(whole.encode()),
        manifests={name: one.manifest for name, one in rows.stored.items()},
        task_type=task_type,
        labels=fields,
        positive_label=None,
        target_sparsity=0.5,
        learning_version="1.0.0",
    )
    result = decode(EvaluatedResult, run(asked, blobs).result)
    measures = {one.measure: one for one in result.tables.pruning}
    assert measures["Sparsity"].after >= 0.5
    assert measures["Stored bytes"].after <= ALLOWANCE * 0.5 * measures["Stored bytes"].before
    assert measures[measure].after > measures[measure].before - 0.2
    assert [one.dataset_split for one in result.splits] == ["test", "train", "validation"]
