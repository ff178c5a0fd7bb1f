"""Evaluations of stored versions: exact, whatever runs them and however the split is cut."""

from __future__ import annotations

import pytest

from assay.features.artifacts.model import Artifact, ArtifactKind
from assay.features.datasets import split_writer
from assay.features.training.job_evaluation import VersionEvaluationKind
from assay.features.training.job_spec import EvaluatedResult, VersionEvaluation
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.storage.blobs import open_blobs
from assay.learning.model import Model
from assay.learning.predictions import ClassPredictions
from assay.learning.rows import TaskType
from assay.records import decode
from tests.fixtures.jobs import ORG
from tests.support.kind_in_process import run_in_process
from tests.support.learning_rows import trained
from tests.support.training_rows import Rows, texts

TEXT = TaskType.TEXT_CLASSIFICATION
KIND = VersionEvaluationKind()


@pytest.fixture(scope="module")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> JobBlobs:
    """The blobs of an organization."""
    return JobBlobs(open_blobs(tmp_path_factory.mktemp("blobs")), ORG)


@pytest.fixture(scope="module")
def model() -> Model:
    """A model of four languages."""
    return trained(TEXT, texts()["train"].to_batches(), num_train_epochs=3)


def job_of(model: Model, blobs: JobBlobs, block_rows: int) -> VersionEvaluation:
    """Return the spec of an evaluation of a model on a split in blocks of so many rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(split_writer, "BLOCK_ROWS", block_rows)
        rows = Rows(TEXT, {"test": texts()["test"]}, blobs)
    data = model.encode()
    return VersionEvaluation(
        model_id="mdl-1",
        version_id="ver-1",
        artifact=Artifact(
            kind=ArtifactKind.TRAINED,
            blob=blobs.put(data),
            bytes=len(data),
            task_type=TEXT,
            labels=model.labels,
        ),
        positive_label=None,
        split="test",
        manifest=rows.stored["test"].manifest,
    )


def test_numbers_are_those_of_the_predictions(model: Model, blobs: JobBlobs) -> None:
    """The confusion matrices are counted from what the model predicts of records and chunks."""
    result = decode(EvaluatedResult, run_in_process(KIND, job_of(model, blobs, 7), blobs).result)
    [batch] = texts()["test"].combine_chunks().to_batches()
    found = model.predict(batch)
    assert isinstance(found, ClassPredictions)
    predicted = [model.labels[code] for code in found.codes]
    pairs = list(zip(batch.column("label").to_pylist(), predicted, strict=True))
    confusion = tuple(
        tuple(pairs.count((row, column)) for column in model.labels) for row in model.labels
    )
    assert result.splits[0].result.confusion == confusion
    assert result.tables.records is not None
    assert result.tables.records.confusion == confusion
    assert result.tables.chunks is not None
    assert sum(map(sum, result.tables.chunks.confusion)) == len(found.record_of)
    assert result.tables.epochs is None


def test_neither_the_order_of_tasks_nor_a_stop_changes_a_bit(model: Model, blobs: JobBlobs) -> None:
    """Blocks may be predicted in any order and by anybody: the result has the same bytes."""
    spec = job_of(model, blobs, 5)
    whole = run_in_process(KIND, spec, blobs)
    for count in (1, 3, len(whole.records) - 1):
        rest = run_in_process(KIND, spec, blobs, whole.records[:count])
        assert rest.result == whole.result
        assert len(rest.tasks) == len(whole.tasks) - count


def test_how_a_split_is_cut_changes_no_number(model: Model, blobs: JobBlobs) -> None:
    """Blocks of any size give the same metrics, to the last bit."""
    runs = [run_in_process(KIND, job_of(model, blobs, size), blobs) for size in (3, 17, 1_000)]
    results = [decode(EvaluatedResult, run.result).splits[0].result for run in runs]
    assert results[0].metrics == results[1].metrics == results[2].metrics
    assert results[0].content_hash == results[1].content_hash == results[2].content_hash
