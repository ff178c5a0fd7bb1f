"""Document 000 over REST of the whole service: its polling scripts, its keys, its refusals."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from assay.kernel.storage.blobs import open_blobs
from assay.kernel.storage.engine import sqlite_url
from assay.kernel.storage.store import open_store
from assay.learning.rows import TaskType
from tests.support.refusal_body import check
from tests.support.rest_client import client, key_with
from tests.support.training_rows import (
    OrganizationBlobs,
    Rows,
    invoices,
    put_dataset,
    put_model,
    texts,
)

ORG = "default"
PATH = "user1/my-repo/fs/Instabase Drive/PaystubClassifier"
EXTRACTION_PATH = "user1/my-repo/fs/Instabase Drive/W2ExtractionModel"
WAIT = 60.0  # seconds until what never comes fails its test
# The keys that document 000 lists, in its order.
KEYS = [
    "metrics", "platform_version", "ibformers_version", "train_count", "train_total",
    "train_datasets", "test_count", "test_total", "test_datasets", "hyperparams",
]  # fmt: skip  # a list
TABLES = {
    "Record-wise Classifier Metrics": None,
    "Chunk-wise Classifier Metrics": None,
    "Train-Validation Curve": False,
    "Confusion Matrix": False,
    "Hyperparameter search results": None,
}  # titles in the document's order, and `show`
# The document's script. Its own lines are unchanged but for the path, the id and the host; what it
# leaves out is the token, and the brace that ends the headers.
SCRIPT = """
import json, requests, time

url_base, token = {base!r}, {token!r}
model_project_path = {path!r}
job_id = {job_id!r}
job_type = 'training'
url = url_base + f'/api/v2/model/metrics?model_project_path={{model_project_path}}&job_id={{job_id}}&job_type={{job_type}}'

headers = {{
  'Authorization': 'Bearer {{0}}'.format(token)
}}

still_running = True
while still_running:
    r = requests.get(url, headers=headers)
    resp = json.loads(r.content)
    still_running = (resp['status'] == 'OK') and (resp['state'] != 'DONE')
    print('still running')

print('Request finished!')
print(r.content.decode())
"""


@dataclass(frozen=True, kw_only=True)
class Project:
    """A model of texts at the document's path, and a dataset."""

    service: Any
    web: httpx.Client
    model_id: str
    dataset_id: str

    def submit(self, **fields: Any) -> dict[str, Any]:
        """Submit a job; return its answer."""
        answer = self.web.post("/api/v2/model/jobs", json=self.body(**fields))
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def body(self, **fields: Any) -> dict[str, Any]:
        """Return the body of a submission."""
        given = {
            "job_type": "training",
            "model_project_path": PATH,
            "dataset_id": self.dataset_id,
            "hyperparams": {"num_train_epochs": 3},
        }
        return given | fields

    def metrics(self, job_id: str, query: dict[str, str]) -> httpx.Response:
        """Ask for the metrics of a job."""
        given = {"model_project_path": PATH, "job_id": job_id, "job_type": "training"}
        return self.web.get("/api/v2/model/metrics", params=given | query)

    def polled(self, job_id: str, folder: Path, path: str = PATH) -> dict[str, Any]:
        """Return what the document's script ends with."""
        script = folder / "poll.py"
        script.write_text(
            SCRIPT.format(base=self.service.rest, token=self.service.key, path=path, job_id=job_id)
        )
        ended = subprocess.run(
            [sys.executable, str(script)], capture_output=True, text=True, timeout=WAIT, check=False
        )
        assert ended.returncode == 0, ended.stderr
        *lines, last = ended.stdout.splitlines()
        assert lines[-1] == "Request finished!"
        found: dict[str, Any] = json.loads(last)
        return found


@pytest.fixture(scope="module")
def project(service) -> Iterator[Project]:
    """The project that this file trains."""
    store = open_store(sqlite_url(service.data_dir))
    blobs = OrganizationBlobs(open_blobs(service.data_dir / "blobs"), ORG)
    rows = Rows(TaskType.TEXT_CLASSIFICATION, texts(), blobs)
    with store.write() as uow:
        model = put_model(uow, ORG, PATH, TaskType.TEXT_CLASSIFICATION)
        dataset_id = put_dataset(uow, ORG, "Paystubs", rows)
    store.close()
    with client(service, service.key) as web:
        yield Project(service=service, web=web, model_id=model.model_id, dataset_id=dataset_id)


@pytest.fixture(scope="module")
def done(project: Project, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the document's script ends with, of a training with a search and a calibration."""
    hyperparams = {
        "num_train_epochs": 4,
        "do_hyperparam_optimization": True,
        "hp_search_num_trials": 6,
        "do_calibration": True,
    }
    job_id = project.submit(hyperparams=hyperparams)["job_id"]
    return project.polled(job_id, tmp_path_factory.mktemp("poll")) | {"job_id": job_id}


def test_the_polling_script_sees_the_end(done: dict[str, Any]) -> None:
    """The document's loop ends by itself, with all documented keys beside status and state."""
    assert (done["status"], done["state"]) == ("OK", "DONE")
    assert [key for key in done if key in KEYS] == KEYS
    assert {table["title"]: table.get("show") for table in done["metrics"]} == {
        **TABLES,
        "Calibration": None,
    }


def test_tables_have_the_documented_forms(done: dict[str, Any]) -> None:
    """Headers, percents, supports, errors, losses, counts and trials are as the document prints them."""
    tables = {table["title"]: table for table in done["metrics"]}
    for unit in ("Record", "Chunk"):
        table = tables[f"{unit}-wise Classifier Metrics"]
        assert table["headers"] == [
            "Class Type", "F1 Score", "Precision", "Recall", "Support", "ECE",
        ]  # fmt: skip  # a list
        names = [row[0] for row in table["rows"]]
        assert names == ["da", "de", "nl", "sv", "macro avg", "weighted avg"]
        for row in table["rows"]:
            assert all(cell.endswith("%") and cell[-4] == "." for cell in row[1:4])
            assert isinstance(row[4], int | float)
            assert row[5] == "N/A" if row[0].endswith("avg") else len(row[5]) == 5
    curve = tables["Train-Validation Curve"]
    assert curve["headers"][:2] == ["Dataset Split", "Epoch 1"]
    assert [row[0] for row in curve["rows"]] == ["Train", "Eval"]
    assert all(isinstance(loss, int | float) for row in curve["rows"] for loss in row[1:])
    matrix = tables["Confusion Matrix"]
    assert matrix["headers"] == ["class name", "da", "de", "nl", "sv"]
    assert all(isinstance(count, int) for row in matrix["rows"] for count in row[1:])
    search = tables["Hyperparameter search results"]
    assert search["headers"][0] == "Trial number"
    assert search["headers"][-1] == "Objective value"
    assert search["subtitle"].startswith(f"Top {len(search['rows'])} runs")
    assert all(isinstance(cell, str) for row in search["rows"] for cell in row)


def test_chunks_are_more_than_records(done: dict[str, Any]) -> None:
    """Records that span several chunks make the two tables differ."""
    tables = {table["title"]: table for table in done["metrics"]}
    records, chunks = (
        tables[f"{unit}-wise Classifier Metrics"]["rows"][-1][4] for unit in ("Record", "Chunk")
    )
    assert records == done["test_total"] < chunks


def test_counts_are_of_the_dataset(done: dict[str, Any]) -> None:
    """Totals are the sums of the counts, and the dataset is named."""
    for split in ("train", "test"):
        assert sum(done[f"{split}_count"].values()) == done[f"{split}_total"]
        assert list(done[f"{split}_count"]) == ["da", "de", "nl", "sv"]
        assert done[f"{split}_datasets"] == ["Paystubs"]


def test_the_job_tells_its_version(project: Project, done: dict[str, Any]) -> None:
    """The job's own route has the outcome, whose performance is there."""
    job = project.web.get(f"/api/v2/model/jobs/{done['job_id']}").json()
    assert (job["status"], job["state"], job["job_type"]) == ("OK", "DONE", "training")
    assert job["hyperparams"] == done["hyperparams"]
    route = f"/api/v1/models/{project.model_id}/performance/summary"
    summary = project.web.get(route, params={"version_id": job["version_id"]})
    assert summary.status_code == 200, summary.text
    version = f"/api/v1/models/{project.model_id}/versions/{job['version_id']}"
    artifact = project.web.get(f"{version}/artifact")
    assert artifact.headers["content-type"] == "application/octet-stream"
    assert artifact.content.startswith(b"ASSAYLRN")


@pytest.fixture(scope="module")
def extracted(project: Project, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the document's second script ends with: an extraction model, with a search."""
    store = open_store(sqlite_url(project.service.data_dir))
    blobs = OrganizationBlobs(open_blobs(project.service.data_dir / "blobs"), ORG)
    rows = Rows(TaskType.EXTRACTION, invoices(), blobs)
    with store.write() as uow:
        put_model(uow, ORG, EXTRACTION_PATH, TaskType.EXTRACTION)
        dataset_id = put_dataset(uow, ORG, "Invoices", rows)
    store.close()
    space = [{"name": "learning_rate", "type": "categorical", "choices": [1e-5, 5e-5]}]
    job_id = project.submit(
        model_project_path=EXTRACTION_PATH,
        dataset_id=dataset_id,
        hyperparams={
            "num_train_epochs": 3,
            "do_hyperparam_optimization": True,
            "hp_search_param_space": space,
        },
    )["job_id"]
    return project.polled(job_id, tmp_path_factory.mktemp("extraction"), EXTRACTION_PATH)


def test_the_script_of_extraction_sees_fields_and_tokens(extracted: dict[str, Any]) -> None:
    """Both tables of fields begin with the averages, and counts have one class."""
    assert (extracted["status"], extracted["state"]) == ("OK", "DONE")
    assert [key for key in extracted if key in KEYS] == KEYS
    assert {table["title"]: table.get("show") for table in extracted["metrics"]} == {
        "Individual fields level metrics": None,
        "Individual token level metrics": None,
        "Train-Validation Curve": False,
        "Hyperparameter search results": None,
    }
    for table, subtitle in zip(
        extracted["metrics"],
        (
            "Accuracy scores for individual fields learned by the model",
            "Accuracy scores for individual fields learned by the model on token level",
        ),
        strict=False,
    ):
        assert table["subtitle"] == subtitle
        assert table["headers"][:2] == ["Field Name", "F1 Score"]
        assert [row[0] for row in table["rows"][:2]] == ["Micro Average", "Macro Average"]
    assert extracted["train_count"] == {"W2ExtractionModel": 60}
    assert extracted["test_total"] == 20


def test_one_tight_poller_is_never_limited(project: Project) -> None:
    """A loop on fresh connections, at default limits, gets no 429 while a job runs."""
    job_id = project.submit(hyperparams={"num_train_epochs": 400})["job_id"]
    statuses: set[int] = set()
    shapes: set[tuple[str, ...]] = set()

    def poll() -> None:
        while True:
            with client(project.service, project.service.key) as fresh:
                answer = fresh.get(
                    "/api/v2/model/metrics",
                    params={"model_project_path": PATH, "job_id": job_id, "job_type": "training"},
                )
            statuses.add(answer.status_code)
            found = answer.json()
            shapes.add(tuple(found))
            if found["state"] == "DONE":
                return

    poller = threading.Thread(target=poll)
    poller.start()
    poller.join(WAIT)
    assert not poller.is_alive()
    assert statuses == {200}
    assert shapes == {("status", "state", *KEYS)}


def test_frames_of_a_watch_tell_of_epochs(project: Project) -> None:
    """Each epoch is a Server-Sent Event with its losses."""
    job_id = project.submit()["job_id"]
    epochs = []
    with project.web.stream("GET", f"/api/v2/model/jobs/{job_id}:watch", timeout=WAIT) as stream:
        assert stream.headers["content-type"] == "text/event-stream"
        for line in stream.iter_lines():
            name, _, value = line.partition(": ")
            if name == "data" and "epoch_finished" in (frame := json.loads(value)):
                epochs.append(frame["epoch_finished"])
    assert [one["epoch"] for one in epochs] == [1, 2, 3]
    assert set(epochs[0]) == {"epoch", "epochs", "train_loss", "validation_loss"}


@pytest.mark.parametrize(
    ("fields", "status", "code", "words"),
    [
        ({"job_type": "tuning"}, 400, "validation_error", "training, pruning, evaluation"),
        ({"model_project_path": "no/such"}, 404, "not_found", "no/such"),
        ({"dataset_id": "dst-none"}, 404, "not_found", "dst-none"),
        ({"hyperparams": {"epochs": 1}}, 400, "validation_error", "hyperparams"),
        ({"hyperparam": {}}, 400, "validation_error", "hyperparams"),
    ],
    ids=str,
)
def test_bad_submissions_are_refused(
    project: Project, fields: dict[str, Any], status: int, code: str, words: str
) -> None:
    """What cannot be queued is refused, and the refusal names it."""
    answer = project.web.post("/api/v2/model/jobs", json=project.body(**fields))
    check(answer, status, code, "/api/v2/model/jobs")
    assert words in answer.json()["message"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"model_project_path": "no/such"}, 404),
        ({"job_id": "dc991a28-bd92-47bb-ajj8-e0f2ca930e51"}, 404),
        ({"job_type": "pruning"}, 404),
        ({"job_type": "tuning"}, 400),
        ({"job_type": ""}, 400),
        ({"page": "1"}, 400),
    ],
    ids=str,
)
def test_every_refusal_of_metrics_has_a_status(
    project: Project, done: dict[str, Any], query: dict[str, str], status: int
) -> None:
    """A polling script reads `status` of whatever it gets: a refusal's is not OK, and ends it."""
    answer = project.metrics(done["job_id"], query)
    assert answer.status_code == status
    assert answer.json()["status"] not in {"OK", ""}


def test_callers_need_permissions(project: Project, done: dict[str, Any]) -> None:
    """No key: 401. Without job:read or job:submit: 403. Each body has a status."""
    with client(project.service, None) as nobody:
        answer = nobody.get("/api/v2/model/metrics")
        assert (answer.status_code, answer.json()["status"]) == (401, "UNAUTHENTICATED")
    with client(project.service, key_with(project.web, "model:read")) as reader:
        query = {"model_project_path": PATH, "job_id": done["job_id"], "job_type": "training"}
        answer = reader.get("/api/v2/model/metrics", params=query)
        assert (answer.status_code, answer.json()["status"]) == (403, "PERMISSION_DENIED")
        assert reader.post("/api/v2/model/jobs", json=project.body()).status_code == 403
