"""Trainings over gRPC, on the whole service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assay.features.datasets.store import Datasets
from assay.learning.rows import TaskType
from tests.support.lost_blobs import lost_blobs
from tests.support.rpc_service import Caller, Running, message
from tests.support.training_project import LABELS, PATH, QUICK, Project, project
from tests.support.training_rows import (
    diabetes,
    digits,
    images,
    invoices,
    texts,
)


@pytest.fixture
def mine(rpc: Running, me: Caller) -> Project:
    """A project of an organization of its own."""
    return project(rpc, me)


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A project with a training that is done."""

    project: Project
    job: Any


@pytest.fixture(scope="module")
def trained(rpc: Running) -> Trained:
    """A trained version of texts."""
    found = project(rpc, rpc.organization(f"training-texts-{uuid4().hex}"))
    job_id = found.submit(version_label="first").job_id
    job = found.ended(job_id)
    assert job.status == "OK", job.msg
    return Trained(project=found, job=job)


def test_a_training_makes_a_ready_version(trained: Trained) -> None:
    """The version of a job that is done is ready, with the label and hyperparameters asked for."""
    job, caller = trained.job, trained.project.caller
    assert (job.job_type, job.status, job.state, job.job_status) == (
        "training", "OK", "DONE", "succeeded",
    )  # fmt: skip  # as short as it is
    assert job.model_project_path == PATH
    version = caller("GetVersion", model_id=trained.project.model_id, version_id=job.version_id)
    assert (version.status, version.label, version.algorithm) == ("ready", "first", "linear")
    assert version.hyperparameters["num_train_epochs"] == 3
    assert version.metrics["accuracy"] > 0.5


def test_the_version_is_evaluated_on_its_splits(trained: Trained) -> None:
    """The performance routes answer for train, validation and test, without another upload."""
    keys = {"model_id": trained.project.model_id, "version_id": trained.job.version_id}
    call = trained.project.caller
    for split, rows in (("train", 144), ("validation", 48), ("test", 48)):
        summary = call("GetPerformanceSummary", **keys, dataset_split=split)
        assert (summary.rows, summary.task_type) == (rows, "classification")
    matrix = call("GetConfusionMatrix", **keys, dataset_split="test")
    assert list(matrix.labels) == LABELS


def test_the_metrics_have_the_documented_keys(trained: Trained) -> None:
    """All keys of the document are there, and the counts are those of the dataset."""
    found = trained.project.metrics(trained.job.job_id)
    assert list(found) == [
        "status", "state", "metrics", "platform_version", "ibformers_version", "train_count",
        "train_total", "train_datasets", "test_count", "test_total", "test_datasets", "hyperparams",
    ]  # fmt: skip  # a list
    assert (found["status"], found["state"]) == ("OK", "DONE")
    assert list(found["train_count"]) == LABELS
    assert sum(found["train_count"].values()) == found["train_total"] == 144
    assert (found["test_total"], found["test_datasets"]) == (48, ["Languages"])
    assert found["hyperparams"]["num_train_epochs"] == 3
    assert [table["title"] for table in found["metrics"]] == [
        "Record-wise Classifier Metrics",
        "Chunk-wise Classifier Metrics",
        "Train-Validation Curve",
        "Confusion Matrix",
    ]


def test_record_wise_numbers_follow_from_the_confusion_matrix(trained: Trained) -> None:
    """The table of records has the recall, to the digit, that the shown matrix has."""
    tables = {one["title"]: one for one in trained.project.metrics(trained.job.job_id)["metrics"]}
    shown = tables["Record-wise Classifier Metrics"]["rows"][:4]
    for row, counts in zip(shown, tables["Confusion Matrix"]["rows"], strict=True):
        cells = counts[1:]
        assert row[0] == counts[0]
        assert row[3] == f"{100 * cells[LABELS.index(row[0])] / sum(cells):.2f}%"
        assert row[4] == sum(cells)


def test_typed_metrics_say_the_same(trained: Trained) -> None:
    """Native callers get the tables of the REST view."""
    key = {
        "model_project_path": PATH, "job_id": trained.job.job_id, "job_type": "training",
    }  # fmt: skip  # one key
    typed = trained.project.caller("GetModelMetrics", **key)
    view = trained.project.metrics(trained.job.job_id)
    assert [one.title for one in typed.metrics] == [one["title"] for one in view["metrics"]]
    assert [list(row) for row in typed.metrics[0].rows] == view["metrics"][0]["rows"]
    assert typed.metrics[2].HasField("show")
    assert not typed.metrics[0].HasField("show")
    assert dict(typed.train_count) == view["train_count"]


def test_each_epoch_is_an_event(trained: Trained) -> None:
    """The log tells of epochs with their losses, in order, and then of the splits."""
    events = [
        event
        for batch in trained.project.caller("WatchModelJob", job_id=trained.job.job_id)
        for event in batch.events
    ]
    epochs = [event for event in events if event.kind == "epoch"]
    assert len(epochs) == 3
    curve = trained.project.metrics(trained.job.job_id)["metrics"][2]
    assert len(curve["headers"]) == 4
    assert sum(event.kind == "split" for event in events) == 3
    assert events[-1].kind == "state"


def test_the_artifact_is_downloaded(trained: Trained) -> None:
    """The artifact of a version comes whole, and is no pickle."""
    parts = trained.project.caller(
        "GetVersionArtifact",
        model_id=trained.project.model_id,
        version_id=trained.job.version_id,
    )
    assert b"".join(part.data for part in parts).startswith(b"ASSAYLRN")


def test_a_job_on_lost_rows_is_refused_and_names_the_dataset(rpc: Running, mine: Project) -> None:
    """Nothing is queued of a dataset whose rows are gone, and the error has its id."""
    organization = mine.caller.organization
    with rpc.backend.store.read() as uow:
        splits = uow[Datasets].get(organization, mine.dataset_id).splits
    with lost_blobs(rpc, organization, splits["train"].manifest):
        refused = mine.refused()
    assert refused.reason == "DATA_MISSING"
    assert refused.metadata == {"resource_type": "dataset", "resource_id": mine.dataset_id}


def test_a_lost_artifact_is_told_as_the_versions(rpc: Running, trained: Trained) -> None:
    """The download of an artifact whose file is gone names the version."""
    project, version_id = trained.project, trained.job.version_id
    with lost_blobs(rpc, project.caller.organization):
        refused = project.caller.refused(
            "GetVersionArtifact", model_id=project.model_id, version_id=version_id
        )
    assert refused.reason == "DATA_MISSING"
    assert refused.metadata == {"resource_type": "version", "resource_id": version_id}


def test_a_version_that_no_job_made_has_no_artifact(mine: Project) -> None:
    """A draft is refused, and named."""
    version_id = mine.caller.version(mine.model_id).version_id
    refused = mine.caller.refused(
        "GetVersionArtifact", model_id=mine.model_id, version_id=version_id
    )
    assert refused.told == ("FAILED_PRECONDITION", "FAILED_PRECONDITION")
    assert version_id in refused.message


def test_jobs_are_listed_by_path_and_type(trained: Trained) -> None:
    """A listing has the jobs of one path, newest first."""
    call = trained.project.caller
    listed = call("ListModelJobs", model_project_path=PATH, job_type="training").jobs
    assert [one.job_id for one in listed] == [trained.job.job_id]
    assert not call("ListModelJobs", job_type="pruning").jobs
    assert call.refused("ListModelJobs", model_project_path="no/such").code == "NOT_FOUND"
    assert call.refused("ListModelJobs", job_type="x").code == "INVALID_ARGUMENT"


def test_a_job_of_another_path_or_type_is_absent(trained: Trained) -> None:
    """Metrics are refused for another path, type or id, each as absent; a bad type is a bad value."""
    call = trained.project.caller
    key = {"model_project_path": PATH, "job_id": trained.job.job_id, "job_type": "training"}
    for other in ({"model_project_path": "x"}, {"job_type": "pruning"}, {"job_id": "x"}):
        assert call.refused("GetModelMetrics", **(key | other)).code == "NOT_FOUND"
    assert call.refused("GetModelMetrics", **(key | {"job_type": "y"})).code == "INVALID_ARGUMENT"


def test_another_organization_sees_nothing(trained: Trained, other: Caller) -> None:
    """A job of another organization is absent."""
    assert other.refused("GetModelJob", job_id=trained.job.job_id).code == "NOT_FOUND"
    assert not other("ListModelJobs").jobs


def test_a_repeat_is_the_same_job(mine: Project) -> None:
    """The same request id returns the first job; with another body it is refused."""
    first = mine.submit(request_id="r1")
    assert mine.submit(request_id="r1").job_id == first.job_id
    assert mine.refused(request_id="r1", version_label="x").reason == "REQUEST_ID_REUSED"
    mine.ended(first.job_id)


@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        ({"job_type": "tuning"}, "INVALID_ARGUMENT", "training, pruning, evaluation"),
        ({"model_project_path": "no/such"}, "NOT_FOUND", "no/such"),
        ({"dataset_id": "dst-none"}, "NOT_FOUND", "dst-none"),
        ({"hyperparams": {"num_train_epoch": 3}}, "INVALID_ARGUMENT", "num_train_epochs"),
        ({"hyperparams": {"num_train_epochs": 0}}, "INVALID_ARGUMENT", "num_train_epochs"),
        ({"target_sparsity": 0.5}, "INVALID_ARGUMENT", "pruning"),
        ({"version_id": "ver-none"}, "NOT_FOUND", "ver-none"),
    ],
    ids=str,
)
def test_what_cannot_be_trained_is_refused(
    mine: Project, fields: dict[str, Any], code: str, words: str
) -> None:
    """A refusal names what is wrong, and nothing is queued."""
    refused = mine.refused(**fields)
    assert refused.code == code
    assert words in refused.message
    assert not mine.caller("ListModelJobs").jobs
    assert not mine.caller("ListVersions", model_id=mine.model_id).versions


def test_a_canceled_training_leaves_a_failed_version(mine: Project) -> None:
    """A job that is canceled ends with an error that its metrics tell, and its version is failed."""
    job = mine.submit(hyperparams=QUICK | {"num_train_epochs": 2_000})
    mine.caller("CancelModelJob", job_id=job.job_id)
    ended = mine.ended(job.job_id)
    assert (ended.status, ended.state, ended.job_status) == ("ERROR", "DONE", "canceled")
    version = mine.caller("GetVersion", model_id=mine.model_id, version_id=job.version_id)
    assert version.status == "failed"
    found = mine.metrics(job.job_id)
    assert (found["status"], found["state"], found["msg"]) == ("ERROR", "DONE", ended.msg)
    assert found["metrics"]


def test_a_pending_job_has_all_keys(mine: Project) -> None:
    """While a job runs its metrics have every key, a table, and the words OK and PENDING."""
    job = mine.submit(hyperparams=QUICK | {"num_train_epochs": 2_000})
    found = mine.metrics(job.job_id)
    assert (found["status"], found["state"]) == ("OK", "PENDING")
    assert len(found) == 12
    assert found["metrics"][0]["title"] == "Train-Validation Curve"
    assert found["train_total"] == 144
    mine.caller("CancelModelJob", job_id=job.job_id)
    mine.ended(job.job_id)


def test_an_evaluation_measures_a_stored_version(trained: Trained) -> None:
    """It serves the numbers that the training's own evaluation had, as a new revision."""
    project = trained.project
    before = project.caller(
        "GetPerformanceSummary", model_id=project.model_id, version_id=trained.job.version_id
    )
    submitted = project.submit(
        job_type="evaluation", version_id=trained.job.version_id, hyperparams={}
    )
    assert submitted.source_version_id == submitted.version_id == trained.job.version_id
    ended = project.ended(submitted.job_id)
    assert ended.status == "OK", ended.msg
    after = project.caller(
        "GetPerformanceSummary", model_id=project.model_id, version_id=trained.job.version_id
    )
    assert after.evaluation_id != before.evaluation_id
    assert dict(after.metrics) == dict(before.metrics)
    found = project.metrics(submitted.job_id, job_type="evaluation")
    ours = project.metrics(trained.job.job_id)
    assert [table["title"] for table in found["metrics"]] == [
        "Record-wise Classifier Metrics",
        "Chunk-wise Classifier Metrics",
        "Confusion Matrix",
    ]
    assert found["metrics"][:2] == ours["metrics"][:2]
    for key in ("train_count", "train_total", "test_count", "test_total", "hyperparams"):
        assert found[key] == ours[key]


@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        ({"hyperparams": QUICK}, "INVALID_ARGUMENT", "hyperparams"),
        ({"version_label": "x"}, "INVALID_ARGUMENT", "version_label"),
        ({"version_id": "ver-none"}, "NOT_FOUND", "ver-none"),
        ({}, "FAILED_PRECONDITION", "promoted"),
    ],
    ids=str,
)
def test_what_cannot_be_evaluated_is_refused(
    mine: Project, fields: dict[str, Any], code: str, words: str
) -> None:
    """An evaluation needs a version that has an artifact, and takes no hyperparameters."""
    refused = mine.refused(**({"job_type": "evaluation", "hyperparams": {}} | fields))
    assert refused.code == code
    assert words in refused.message


def test_a_failed_version_may_be_trained_again(mine: Project) -> None:
    """A version that is named becomes the result; once it is ready it is refused."""
    version_id = mine.caller.version(mine.model_id, label="mine").version_id
    job = mine.submit(version_id=version_id)
    assert job.version_id == version_id
    assert mine.ended(job.job_id).status == "OK"
    version = mine.caller("GetVersion", model_id=mine.model_id, version_id=version_id)
    assert (version.status, version.label) == ("ready", "mine")
    assert mine.refused(version_id=version_id).code == "FAILED_PRECONDITION"


def test_rows_that_two_splits_share_are_warned_of(rpc: Running, me: Caller) -> None:
    """A training on splits that overlap is done, and its job and metrics say how many rows do."""
    splits = {**texts(), "test": texts()["train"].slice(0, 30)}
    found = project(rpc, me, splits)
    job = found.ended(found.submit().job_id)
    assert job.status == "OK", job.msg
    (warning,) = job.warnings
    assert warning.startswith("30 of the 30 rows of the test split")
    assert found.metrics(job.job_id)["warnings"] == [warning]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"train": texts()["test"].slice(0, 0)}, "no train split"),
        ({"train": texts()["train"].filter(pc.field("label") == "da")}, "1 class"),
        ({"train": texts()["train"].filter(pc.field("label") != "da")}, "'da'"),
    ],
    ids=["empty", "single class", "label in test alone"],
)
def test_what_nothing_can_be_learned_from_is_refused(
    rpc: Running, me: Caller, changed: dict[str, Any], words: str
) -> None:
    """Empty and single-class data, and labels without training rows, are refused before a job is made."""
    found = project(rpc, me, {**texts(), **changed})
    refused = found.refused()
    assert refused.told == ("FAILED_PRECONDITION", "FAILED_PRECONDITION")
    assert words in refused.message
    assert not me("ListModelJobs").jobs


def test_a_class_without_training_rows_is_refused(rpc: Running, me: Caller) -> None:
    """A label that the model declares and no training row has is named."""
    found = project(rpc, me)
    me("UpdateModel", model_id=found.model_id, labels=[*LABELS, "fi"])
    assert "'fi'" in found.refused().message


def test_a_dataset_of_another_task_is_refused(mine: Project) -> None:
    """A classifier is not trained for a regression model."""
    path = "other/path"
    mine.caller.model(task_type="regression", project_path=path)
    assert mine.refused(model_project_path=path).reason == "WRONG_TASK_TYPE"


def test_training_rows_are_held_out_where_there_is_no_validation_split(
    rpc: Running, me: Caller
) -> None:
    """A fifth of each class is validated on, and not trained on."""
    splits = {name: table for name, table in texts().items() if name != "validation"}
    found = project(rpc, me, splits)
    job = found.ended(found.submit().job_id)
    assert job.status == "OK", job.msg
    key = {"model_id": found.model_id, "version_id": job.version_id}
    rows = [
        me("GetPerformanceSummary", **key, dataset_split=split).rows
        for split in ("train", "validation")
    ]
    assert rows == [144 - 28, 28]


def test_an_extraction_model_has_tables_of_fields_and_of_words(rpc: Running, me: Caller) -> None:
    """Averages and then fields stand in both tables, and the summary serves the micro average."""
    found = project(rpc, me, invoices(), TaskType.EXTRACTION)
    given = {"num_train_epochs": 3, "algorithm": "maximum_entropy", "do_calibration": True}
    job = found.ended(found.submit(hyperparams=given).job_id)
    assert job.status == "OK", job.msg
    metrics = found.metrics(job.job_id)
    assert metrics["train_count"] == {"Languages": 60}
    assert [table["title"] for table in metrics["metrics"]] == [
        "Individual fields level metrics",
        "Individual token level metrics",
        "Train-Validation Curve",
        "Calibration",
    ]
    for table in metrics["metrics"][:2]:
        assert table["headers"][:2] == ["Field Name", "F1 Score"]
        names = [row[0] for row in table["rows"]]
        assert names[:2] == ["Micro Average", "Macro Average"]
        assert names[2:] == sorted(names[2:])
    summary = me("GetPerformanceSummary", model_id=found.model_id, version_id=job.version_id)
    shown = metrics["metrics"][0]["rows"][0]
    assert shown[1:4] == [
        f"{100 * summary.metrics[name]:.2f}%" for name in ("f1_score", "precision", "recall")
    ]
    again = found.submit(job_type="evaluation", version_id=job.version_id, hyperparams={})
    assert found.ended(again.job_id).status == "OK"
    after = me("GetPerformanceSummary", model_id=found.model_id, version_id=job.version_id)
    assert dict(after.metrics) == dict(summary.metrics)


def test_images_are_classified(rpc: Running, me: Caller) -> None:
    """A classifier of PNG files is trained and evaluated as any other."""
    found = project(rpc, me, images(), TaskType.IMAGE_CLASSIFICATION)
    job = found.ended(found.submit(hyperparams={"num_train_epochs": 5}).job_id)
    assert job.status == "OK", job.msg
    summary = me("GetPerformanceSummary", model_id=found.model_id, version_id=job.version_id)
    assert summary.metrics["accuracy"] > 0.8


@pytest.mark.parametrize("algorithm", ["gradient_boosting", "linear"])
def test_a_regression_has_a_row_a_split(rpc: Running, me: Caller, algorithm: str) -> None:
    """Its table has the errors of each split, and the performance summary the same ones."""
    found = project(rpc, me, diabetes(), TaskType.TABULAR_REGRESSION)
    job = found.ended(found.submit(hyperparams={"algorithm": algorithm}).job_id)
    assert job.status == "OK", job.msg
    metrics = found.metrics(job.job_id)
    table, curve = metrics["metrics"]
    assert table["title"] == "Record-wise Regressor Metrics"
    assert [row[0] for row in table["rows"]] == ["Train", "Eval", "Test"]
    assert len(curve["rows"][0]) == len(curve["headers"]) > 5
    summary = me("GetPerformanceSummary", model_id=found.model_id, version_id=job.version_id)
    assert table["rows"][2][1] == f"{summary.metrics['r2']:.4f}"
    assert summary.metrics["r2"] > 0.2
    again = found.submit(job_type="evaluation", version_id=job.version_id, hyperparams={})
    assert found.ended(again.job_id).status == "OK"
    after = me("GetPerformanceSummary", model_id=found.model_id, version_id=job.version_id)
    assert dict(after.metrics) == dict(summary.metrics)


def test_rows_of_numbers_are_classified_after_a_search(rpc: Running, me: Caller) -> None:
    """The version has the hyperparameters of the best trial, and the job tells them."""
    found = project(rpc, me, digits(), TaskType.TABULAR_CLASSIFICATION)
    space = [{"name": "num_train_epochs", "type": "categorical", "choices": [1, 4]}]
    given = {
        "algorithm": "linear",
        "do_hyperparam_optimization": True,
        "hp_search_param_space": space,
    }
    job = found.ended(found.submit(hyperparams=given).job_id)
    assert job.status == "OK", job.msg
    table = found.metrics(job.job_id)["metrics"][-1]
    assert table["headers"] == ["Trial number", "num_train_epochs", "Objective value"]
    assert table["subtitle"].startswith("Top 2 runs")
    best = int(table["rows"][0][1])
    assert job.hyperparams["num_train_epochs"] == best
    version = me("GetVersion", model_id=found.model_id, version_id=job.version_id)
    assert version.hyperparameters["num_train_epochs"] == best


def test_images_that_are_none_fail_the_job_by_row(rpc: Running, me: Caller) -> None:
    """A job that meets a row of no use fails, and says which row and why."""
    table = images()["train"]
    broken = pa.array([b"no image", *table["image"].to_pylist()[1:]], pa.large_binary())
    splits = {**images(), "train": table.set_column(1, table.schema.field("image"), broken)}
    found = project(rpc, me, splits, TaskType.IMAGE_CLASSIFICATION)
    job = found.ended(found.submit().job_id)
    assert (job.status, job.state, job.error.reason) == ("ERROR", "DONE", "FAILED_PRECONDITION")
    assert "digit-0" in job.msg
    version = me("GetVersion", model_id=found.model_id, version_id=job.version_id)
    assert version.status == "failed"


def test_the_documents_hyperparameters_are_taken_and_told(mine: Project) -> None:
    """Every name of the document's examples is accepted, and the answer has all resolved values."""
    documented = {
        "model_name": "layoutlm-base-uncased",
        "model_source": "instabase",
        "task_name": "TOKEN_CLASSIFICATION",
        "batch_size": 4,
        "gradient_accumulation_steps": 1,
        "max_length": 512,
        "chunk_overlap": 64,
        "learning_rate": 5e-05,
        "use_mixed_precision": True,
        "loss_type": "ce_ins",
        "num_train_epochs": 5,
        "task_type": "classification",
        "npages_to_filter": 20,
        "class_weights_ins_power": 0.3,
        "do_hyperparam_optimization": True,
        "do_calibration": True,
        "hp_search_num_trials": 20,
        "calibration_model": "PlattScalingCalibrationModel",
        "hp_search_param_space": [],
    }
    job = mine.submit(hyperparams=documented)
    told = mine.metrics(job.job_id)["hyperparams"]
    mine.caller("CancelModelJob", job_id=job.job_id)
    assert {name: told[name] for name in documented} == documented
    assert len(told) > len(documented)
    mine.ended(job.job_id)


def test_a_version_is_trained_by_one_job_at_a_time(mine: Project) -> None:
    """A version that a job trains is refused to another one."""
    version_id = mine.caller.version(mine.model_id).version_id
    job = mine.submit(version_id=version_id, hyperparams={"num_train_epochs": 2_000})
    refused = mine.refused(version_id=version_id)
    assert refused.code == "FAILED_PRECONDITION"
    assert "in training" in refused.message
    mine.caller("CancelModelJob", job_id=job.job_id)
    mine.ended(job.job_id)


def test_a_dataset_without_a_test_split_is_warned_of(rpc: Running, me: Caller) -> None:
    """The tables are of the validation split then, and say so."""
    splits = {name: table for name, table in texts().items() if name != "test"}
    found = project(rpc, me, splits)
    job = found.ended(found.submit().job_id)
    assert list(job.warnings) == [
        "The dataset has no test split: the tables are of the validation split."
    ]
    metrics = found.metrics(job.job_id)
    assert (metrics["test_count"], metrics["test_total"]) == ({}, 0)
    assert metrics["metrics"][0]["rows"][-1][4] == 48


def test_the_curve_grows_while_a_job_runs(mine: Project) -> None:
    """Each epoch that the log tells of is in the next answer, once."""
    job = mine.submit(hyperparams={"num_train_epochs": 2_000})
    seen: list[int] = []
    for batch in mine.caller.begin("WatchModelJob", message("WatchModelJob", job_id=job.job_id)):
        seen += [event.sequence for event in batch.events if event.kind == "epoch"]
        curve = mine.metrics(job.job_id)["metrics"][0]
        assert len(curve["headers"]) - 1 >= len(seen)
        assert len(set(map(len, [curve["headers"], *curve["rows"]]))) == 1
        if len(seen) > 5:
            break
    mine.caller("CancelModelJob", job_id=job.job_id)
    mine.ended(job.job_id)
