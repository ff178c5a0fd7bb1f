"""Searches for hyperparameters, as jobs: the same trials after any stop, and the best of them kept."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from sklearn.datasets import load_diabetes

from assay.features.training.job import TrainingKind
from assay.features.training.job_spec import TrainingJob, TrainingResult
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.storage.blobs import open_blobs
from assay.learning.hyperparameters import resolve
from assay.learning.rows import TaskType, canonical_schema
from assay.records import decode
from tests.fixtures.jobs import ORG
from tests.support.kind_in_process import run_in_process
from tests.support.training_rows import Rows, Splits, texts


@pytest.fixture(scope="module")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> JobBlobs:
    """The blobs of an organization."""
    return JobBlobs(open_blobs(tmp_path_factory.mktemp("blobs")), ORG)


def numbers() -> Splits:
    """Diabetes: ten numbers and a target; 300 rows to train with, 142 to validate."""
    data = load_diabetes()
    columns: dict[str, Any] = {"row_id": [f"p{row}" for row in range(len(data.target))]}
    columns |= {f"x{at}": data.data[:, at].tolist() for at in range(10)}
    columns["target"] = data.target.tolist()
    features = [pa.field(f"x{at}", pa.float64()) for at in range(10)]
    schema = canonical_schema(TaskType.TABULAR_REGRESSION, features)
    table = pa.table(columns, schema=schema)
    return {"train": table.slice(0, 300), "validation": table.slice(300)}


def job_of(
    task_type: TaskType, splits: Splits, labels: tuple[str, ...], blobs: JobBlobs, **given: object
) -> TrainingJob:
    """Return the spec of a training with a search."""
    rows = Rows(task_type, splits, blobs)
    return TrainingJob(
        model_id="mdl-1",
        version_id="ver-1",
        manifests={name: one.manifest for name, one in rows.stored.items()},
        labels=labels,
        positive_label=None,
        hyperparameters=resolve(task_type, {"do_hyperparam_optimization": True, **given}),
        learning_version="1.0.0",
    )


def test_the_best_trial_is_trained_again_to_the_same_numbers(blobs: JobBlobs) -> None:
    """The objective of a regression is R² on the validation rows, as its evaluation has it."""
    rates = {"name": "learning_rate", "type": "categorical", "choices": [1e-6, 5e-5, 1e-5]}
    job = job_of(
        TaskType.TABULAR_REGRESSION, numbers(), (), blobs, algorithm="linear",
        num_train_epochs=20, hp_search_param_space=[rates],
    )  # fmt: skip  # one call
    result = decode(TrainingResult, run_in_process(TrainingKind(), job, blobs).result)
    objectives = {one.settings[0].value: one.objective for one in result.tables.trials}
    assert list(objectives) == [1e-6, 5e-5, 1e-5]
    best = max(objectives, key=lambda rate: objectives[rate] or 0)
    assert {one.name: one.value for one in result.settings}["learning_rate"] == best == 5e-5
    [validation] = [one for one in result.splits if one.dataset_split == "validation"]
    assert objectives[best] == pytest.approx(validation.result.metrics["r2"], abs=1e-9)
    assert (objectives[best] or 0) > 0.3


def test_a_stop_between_trials_changes_no_bit(blobs: JobBlobs) -> None:
    """A search goes on from the trials that had finished, to the same model."""
    job = job_of(
        TaskType.TEXT_CLASSIFICATION, texts(), ("da", "de", "nl", "sv"), blobs,
        num_train_epochs=3, hp_search_num_trials=12,
        hp_search_param_space=[
            {"name": "learning_rate", "type": "float", "low": 1e-6, "high": 1e-3, "log": True},
            {"name": "num_train_epochs", "type": "int", "low": 1, "high": 4},
        ],
    )  # fmt: skip  # one call
    whole = run_in_process(TrainingKind(), job, blobs)
    trials = [at for at, one in enumerate(whole.records) if one.key.startswith("trials-")]
    assert len(trials) == 12
    for count in (trials[0], trials[4], trials[8], trials[-1] + 1):
        rest = run_in_process(TrainingKind(), job, blobs, whole.records[:count])
        assert rest.result == whole.result
        assert sorted(rest.tasks) == sorted(whole.tasks[count:])
