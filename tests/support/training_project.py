"""A model with a project path, the dataset that it is trained on, and its jobs by gRPC."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from assay.learning.rows import TaskType
from tests.support.rpc_service import PATIENCE, Caller, Running
from tests.support.training_rows import (
    OrganizationBlobs,
    Rows,
    Splits,
    put_dataset,
    put_model,
    texts,
)

PATH = "user1/my-repo/fs/Instabase Drive/Languages"
LABELS = ["da", "de", "nl", "sv"]
QUICK = {"num_train_epochs": 3}


@dataclass(frozen=True, kw_only=True)
class Project:
    """A model with a path, and a dataset that it may be trained on."""

    caller: Caller
    model_id: str
    dataset_id: str
    path: str = PATH

    def submit(self, **fields: Any) -> Any:
        """Submit a training."""
        given = {
            "job_type": "training",
            "model_project_path": self.path,
            "dataset_id": self.dataset_id,
            "hyperparams": QUICK,
        }
        return self.caller("SubmitModelJob", **(given | fields))

    def refused(self, **fields: Any) -> Any:
        """Return how a training is refused."""
        given = {
            "job_type": "training",
            "model_project_path": self.path,
            "dataset_id": self.dataset_id,
            "hyperparams": QUICK,
        }
        return self.caller.refused("SubmitModelJob", **(given | fields))

    def ended(self, job_id: str) -> Any:
        """Return a job when it has ended."""
        until = time.monotonic() + 2 * PATIENCE
        for _ in self.caller("WatchModelJob", job_id=job_id):
            assert time.monotonic() < until
        return self.caller("GetModelJob", job_id=job_id)

    def metrics(self, job_id: str, **fields: Any) -> dict[str, Any]:
        """Return the REST view of a job's metrics."""
        given = {"model_project_path": self.path, "job_id": job_id, "job_type": "training"}
        return self.caller.view("TrainingRest.GetModelMetrics", **(given | fields))


def project(
    rpc: Running,
    caller: Caller,
    splits: Splits | None = None,
    task_type: TaskType = TaskType.TEXT_CLASSIFICATION,
) -> Project:
    """Store a model and a dataset, of texts by default."""
    organization = caller.organization
    blobs = OrganizationBlobs(rpc.backend.blobs, organization)
    rows = Rows(task_type, splits or texts(), blobs)
    with rpc.backend.store.write() as uow:
        model = put_model(uow, organization, PATH, task_type)
        dataset_id = put_dataset(uow, organization, "Languages", rows)
    return Project(caller=caller, model_id=model.model_id, dataset_id=dataset_id)
