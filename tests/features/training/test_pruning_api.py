"""Prunings over gRPC, on the whole service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from assay.learning.pruning import ALLOWANCE
from tests.support.rpc_service import Running
from tests.support.training_project import Project, project


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """A project with a version that was trained, and one that was pruned from it."""

    project: Project
    trained: Any  # jobs
    pruned: Any

    def submit(self, **fields: Any) -> dict[str, Any]:
        """Return the request for a pruning of the trained version."""
        return {
            "job_type": "pruning",
            "version_id": self.trained.version_id,
            "hyperparams": {},
            "target_sparsity": 0.9,
        } | fields

    def artifact(self, version_id: str) -> bytes:
        """Download the artifact of a version."""
        found = self.project.caller(
            "GetVersionArtifact", model_id=self.project.model_id, version_id=version_id
        )
        return b"".join(one.data for one in found)


@pytest.fixture(scope="module")
def pruned(rpc: Running) -> Pruned:
    """A version of texts, trained and pruned to nine tenths."""
    found = project(rpc, rpc.organization(f"pruned-texts-{uuid4().hex}"))
    trained = found.ended(found.submit().job_id)
    assert trained.status == "OK", trained.msg
    job_id = found.submit(
        job_type="pruning",
        version_id=trained.version_id,
        version_label="small",
        hyperparams={"num_train_epochs": 1},
        target_sparsity=0.9,
    ).job_id
    job = found.ended(job_id)
    assert job.status == "OK", job.msg
    return Pruned(project=found, trained=trained, pruned=job)


def test_a_pruning_makes_a_ready_and_smaller_version(pruned: Pruned) -> None:
    """The new version is ready, is labelled, keeps to the bytes, and the former one stays."""
    caller, model_id = pruned.project.caller, pruned.project.model_id
    assert pruned.pruned.version_id != pruned.trained.version_id
    assert pruned.pruned.source_version_id == pruned.trained.version_id
    version = caller("GetVersion", model_id=model_id, version_id=pruned.pruned.version_id)
    assert (version.status, version.label) == ("ready", "small")
    assert version.hyperparameters["target_sparsity"] == 0.9
    former = pruned.artifact(pruned.trained.version_id)
    assert len(pruned.artifact(pruned.pruned.version_id)) <= ALLOWANCE * 0.1 * len(former)
    performance = caller(
        "GetPerformanceSummary", model_id=model_id, version_id=pruned.pruned.version_id
    )
    assert performance.metrics["accuracy"] > 0.5


def test_the_table_has_what_it_changed(pruned: Pruned) -> None:
    """Sparsity, bytes, latency and metrics are there before and after, beside the usual tables."""
    view = pruned.project.metrics(pruned.pruned.job_id, job_type="pruning")
    assert (view["status"], view["state"]) == ("OK", "DONE")
    titles = [table["title"] for table in view["metrics"]]
    assert titles == [
        "Record-wise Classifier Metrics", "Chunk-wise Classifier Metrics",
        "Train-Validation Curve", "Confusion Matrix", "Pruning",
    ]  # fmt: skip  # in their order
    measures = {row[0]: row[1:] for row in view["metrics"][-1]["rows"]}
    assert measures["Stored bytes"][1] < 0.12 * measures["Stored bytes"][0]
    assert measures["Sparsity"][1] >= 0.9
    assert measures["Milliseconds per record"][1] > 0
    assert measures["accuracy"][1] > measures["accuracy"][0] - 0.15
    assert len(view["metrics"][2]["headers"]) == 2  # one epoch of training on


def test_counts_are_those_of_the_versions_own_training(pruned: Pruned) -> None:
    """Training records are told as the training told them; hyperparameters with the target."""
    found = pruned.project
    mine = found.metrics(pruned.pruned.job_id, job_type="pruning")
    trainings = found.metrics(pruned.trained.job_id)
    assert mine["train_count"] == trainings["train_count"]
    assert mine["train_total"] == trainings["train_total"]
    assert mine["hyperparams"]["target_sparsity"] == 0.9
    assert mine["hyperparams"]["learning_rate"] == trainings["hyperparams"]["learning_rate"]


def test_a_pruned_version_can_be_evaluated_and_pruned_further(pruned: Pruned) -> None:
    """Other jobs take a pruned version as any; a target that it has passed fails the job."""
    found, version_id = pruned.project, pruned.pruned.version_id
    evaluation = found.submit(job_type="evaluation", version_id=version_id, hyperparams={})
    job = found.ended(evaluation.job_id)
    assert job.status == "OK", job.msg
    further = found.ended(
        found.submit(**pruned.submit(version_id=version_id, target_sparsity=0.95)).job_id
    )
    assert further.status == "OK", further.msg
    back = found.ended(
        found.submit(**pruned.submit(version_id=version_id, target_sparsity=0.5)).job_id
    )
    assert (back.status, back.state) == ("ERROR", "DONE")
    assert "target_sparsity is 0.5; the version is pruned to 0.9" in back.msg


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"target_sparsity": None}, "send one target: target_sparsity, or hyperparams.target_byt"),
        ({"hyperparams": {"target_bytes": 5000}}, "send one target"),
        ({"target_sparsity": 1.0}, "target_sparsity is 1.0; allowed is a number from 0 to less"),
        ({"target_sparsity": -0.1}, "allowed is a number from 0 to less than 1"),
        ({"target_sparsity": None, "hyperparams": {"target_bytes": 0.5}}, "a whole number above 0"),
        ({"hyperparams": {"max_length": 64}}, "a pruning has no max_length"),
        ({"hyperparams": {"num_train_epoch": 3}}, "num_train_epochs"),
        ({"hyperparams": {"learning_rate": 1e-5}}, "send num_train_epochs too"),
        ({"hyperparams": {"num_train_epochs": 0}}, "num_train_epochs is 0; allowed is a whole"),
    ],
)
def test_prunings_that_cannot_be_meant_are_refused(
    pruned: Pruned, fields: dict[str, Any], said: str
) -> None:
    """A refusal comes before anything is queued, and says what is allowed."""
    sent = pruned.submit(**fields).items()
    refused = pruned.project.refused(**{name: one for name, one in sent if one is not None})
    assert refused.reason == "INVALID_VALUE"
    assert said in refused.message
