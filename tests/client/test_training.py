"""Training by the Python client and the command line, on the whole service."""

from __future__ import annotations

import asyncio
import csv
import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from assay.client import Client, JobFailed, NotFound, TrainingProgress, types
from assay.client.aio import Client as AsyncClient
from assay.kernel.storage.blobs import open_blobs
from assay.kernel.storage.engine import sqlite_url
from assay.kernel.storage.store import open_store
from assay.learning.model import Model
from assay.learning.rows import TaskType
from tests.support.training_rows import OrganizationBlobs, Rows, put_dataset, put_model, texts
from tools.service import Service

ORG = "default"
PATH = "shell/fs/Instabase Drive/Languages of the shell"
QUICK = {"num_train_epochs": 3}
PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, kw_only=True)
class Project:
    """A model with a path, a dataset that it may be trained on, and a version that was."""

    model_id: str
    dataset_id: str
    job: types.ModelJob
    told: tuple[TrainingProgress, ...]  # what `on_progress` was told of it


@pytest.fixture(scope="module")
def project(service: Service) -> Project:
    """A project with a trained and promoted version."""
    store = open_store(sqlite_url(service.data_dir))
    blobs = OrganizationBlobs(open_blobs(service.data_dir / "blobs"), ORG)
    rows = Rows(TaskType.TEXT_CLASSIFICATION, texts(), blobs)
    with store.write() as uow:
        model = put_model(uow, ORG, PATH, TaskType.TEXT_CLASSIFICATION)
        dataset_id = put_dataset(uow, ORG, "Shell", rows)
    store.close()
    told: list[TrainingProgress] = []
    with Client(service.grpc, api_key=service.key) as client:
        job = client.training.train(
            PATH, dataset_id, hyperparams=QUICK, version_label="first", on_progress=told.append
        )
        client.versions.promote(model.model_id, job.version_id)
    return Project(model_id=model.model_id, dataset_id=dataset_id, job=job, told=tuple(told))


def test_a_training_is_waited_for_and_told_of(project: Project, client: Client):
    """The job names its version; the job is known at once, then each epoch and each split."""
    assert (project.job.status, project.job.state) == ("OK", "DONE")
    assert client.versions.get(project.model_id, project.job.version_id).label == "first"
    assert project.told[0].job_id == project.job.job_id
    assert project.told[0].train_losses == ()
    last = project.told[-1]
    assert (len(last.train_losses), len(last.validation_losses), last.epochs_total) == (3, 3, 3)
    assert set(last.splits) == {"train", "validation", "test"}
    assert last.status == "succeeded"


def test_the_same_request_finds_the_same_job(project: Project, client: Client):
    """A repeated id takes up the job that it began, whose version it names."""
    again = [
        client.training.train(PATH, project.dataset_id, hyperparams=QUICK, request_id="once")
        for _ in range(2)
    ]
    assert again[0] == again[1]


def test_a_version_is_measured_and_downloaded(project: Project, client: Client, tmp_path):
    """An evaluation measures the promoted version; its artifact is a file that predicts."""
    done = client.training.evaluate_version(PATH, project.dataset_id)
    assert (done.job_type, done.version_id) == ("evaluation", project.job.version_id)
    metrics = client.training.metrics(PATH, done.job_id, "evaluation")
    assert metrics.test_total == 48
    file = tmp_path / "model.assay"
    size = client.training.download_artifact(project.model_id, project.job.version_id, file)
    assert size == file.stat().st_size
    assert Model.decode(file.read_bytes()).labels == ("da", "de", "nl", "sv")
    with pytest.raises(NotFound):
        client.training.download_artifact(project.model_id, "ver-00000", file)
    assert size == file.stat().st_size


def test_a_job_that_ends_badly_raises_its_reason(project: Project, client: Client):
    """A canceled job has no version: whoever waits for it is told so."""
    many = {"num_train_epochs": 10_000}
    job = client.training.submit("training", PATH, project.dataset_id, hyperparams=many)
    client.training.cancel(job.job_id)
    with pytest.raises(JobFailed) as caught:
        client.training.follow(job.job_id)
    assert caught.value.metadata["job_id"] == job.job_id


def test_rows_are_predicted_by_the_service(project: Project, client: Client, tmp_path):
    """A file's rows come back one by one with their class and how sure it is."""
    file = tmp_path / "new.jsonl"
    file.write_text('{"row_id": "a", "text": "Danmark, Sverige, Norge"}\n' * 1)
    (row,) = client.predictions.rows(project.model_id, file)
    assert (row["row_id"], set(row)) == ("a", {"row_id", "y_pred", "confidence"})
    (scored,) = client.predictions.rows(project.model_id, file, scores=True)
    assert scored["scores"][row["y_pred"]] == row["confidence"]


def test_the_command_trains_judges_and_promotes(project: Project, client: Client, assay, tmp_path):
    """Tables, curve and verdict are shown; a gate that holds lets the version be promoted."""
    done = assay(
        "train", PATH, project.dataset_id, "--hp", "num_train_epochs=4", "--label", "shell",
        "--search", "2", "--require", "accuracy>=0.5", "--promote", "--out", "loss.png",
        PYTHONIOENCODING="ascii:replace",
    )  # fmt: skip  # one command
    assert done.returncode == 0, done.stderr
    for word in (
        "Record-wise Classifier Metrics", "Top 2 runs", "is promoted", "* train  o validation",
        "pass  accuracy>=0.5",
    ):  # fmt: skip  # a list
        assert word in done.stdout, word
    assert "Confusion Matrix" not in done.stdout
    assert (tmp_path / "loss.png").read_bytes().startswith(PNG)
    promoted = client.models.get(project.model_id).promoted_version_id
    assert client.versions.get(project.model_id, promoted).label == "shell"
    drawn = assay("plot", "loss", PATH, PYTHONIOENCODING="ascii:replace")
    assert f"Loss of {promoted}" in drawn.stdout


def test_a_version_is_pruned_and_held_against_the_whole_one(
    project: Project, client: Client, assay, tmp_path
):
    """The pruned version is smaller; a gate on how much worse it may be ends with 1."""
    whole = project.job.version_id
    gate = ("--baseline", whole, "--max-drop", "accuracy=1", "--version", whole)
    done = assay("prune", PATH, project.dataset_id, "--sparsity", "0.9", *gate, "--json")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)["job"]["version_id"]
    sizes = [
        client.training.download_artifact(project.model_id, version, tmp_path / "model")
        for version in (whole, made)
    ]
    assert sizes[1] <= 1.2 * (1 - 0.9) * sizes[0]
    strict = assay("prune", PATH, project.dataset_id, "--require", "accuracy>=1.1", *gate)
    assert strict.returncode == 1
    assert "FAIL  accuracy>=1.1" in strict.stdout
    assert assay("prune", PATH, project.dataset_id, "--sparsity", "1.5").returncode == 2
    fit = ("--hp", f"target_bytes={sizes[0] // 4}", *gate, "--json")
    sized = json.loads(assay("prune", PATH, project.dataset_id, *fit).stdout)["job"]["version_id"]
    size = client.training.download_artifact(project.model_id, sized, tmp_path / "model")
    assert size <= sizes[0] // 4


def test_coroutines_train_and_predict_alike(project: Project, service: Service, tmp_path):
    """The asynchronous client has the same job for the same request, and the same predictions."""
    file = tmp_path / "new.csv"
    file.write_text("row_id,text\na,Danmark\nb,Deutschland\n")

    async def story() -> tuple[types.ModelJob, list[dict[str, Any]]]:
        async with AsyncClient(service.grpc, api_key=service.key) as client:
            job = await client.training.train(
                PATH, project.dataset_id, hyperparams=QUICK, request_id="of both"
            )
            rows = client.predictions.rows(
                project.model_id, file, version_id=project.job.version_id
            )
            return job, [row async for row in rows]

    job, rows = asyncio.run(story())
    with Client(service.grpc, api_key=service.key) as client:
        again = client.training.train(
            PATH, project.dataset_id, hyperparams=QUICK, request_id="of both"
        )
        assert again == job
        version = project.job.version_id
        assert list(client.predictions.rows(project.model_id, file, version_id=version)) == rows
    assert [row["row_id"] for row in rows] == ["a", "b"]


def test_many_predictions_come_in_parts(
    project: Project, client: Client, service: Service, tmp_path
):
    """Predictions of more bytes than one message may have arrive whole, by gRPC and over REST."""
    file = tmp_path / "many.csv"
    count = 16_000
    names = ("Danmark", "Deutschland", "Sverige", "Nederland")
    rows = (f"{at},{names[at % 4]}\n" for at in range(count))
    file.write_text("row_id,text\n" + "".join(rows))
    version = project.job.version_id
    parts = list(client.predictions.file(project.model_id, file, version_id=version))
    assert max(map(len, parts)) <= 1 << 20 < sum(map(len, parts))
    found = b"".join(parts)
    assert [json.loads(line)["row_id"] for line in found.splitlines()] == [
        str(at) for at in range(count)
    ]
    with httpx.Client(base_url=service.rest, trust_env=False, timeout=60) as web:
        answer = web.post(
            f"/api/v1/models/{project.model_id}:predict",
            params={"version_id": version},
            content=file.read_bytes(),
            headers={"authorization": f"Bearer {service.key}", "content-type": "text/csv"},
        )
    assert answer.content == found


def test_rows_are_predicted_over_rest(project: Project, service: Service):
    """A file that is posted comes back as JSON Lines or CSV, and a wrong one as a refusal."""
    path = f"/api/v1/models/{project.model_id}:predict"
    headers = {"authorization": f"Bearer {service.key}", "content-type": "text/csv"}
    with httpx.Client(base_url=service.rest, headers=headers, trust_env=False, timeout=60) as web:
        query = {"version_id": project.job.version_id}
        lines = web.post(path, params=query, content="row_id,text\na,Danmark\n")
        assert lines.status_code == 200, lines.text
        assert lines.headers["content-type"] == "application/x-ndjson"
        assert lines.json()["row_id"] == "a"
        table = web.post(
            path,
            params={**query, "format": "csv", "scores": "true"},
            content="row_id,text\na,Danmark\n",
        )
        assert table.headers["content-type"] == "text/csv"
        assert table.text.startswith("row_id,y_pred,score:da,")
        for content, kind, status in (
            ("row_id,txt\na,Danmark\n", "text/csv", 400),
            ("", "text/csv", 400),
            ("row_id,text\na,Danmark\n", "image/png", 415),
        ):
            refused = web.post(path, params=query, content=content, headers={"content-type": kind})
            assert (refused.status_code, refused.json()["statusCode"]) == (status, status)


def test_a_gate_that_does_not_hold_ends_with_1(project: Project, client: Client, assay):
    """As JSON there is the verdict, the job and its metrics; nothing is promoted then."""
    before = client.models.get(project.model_id).promoted_version_id
    done = assay(
        "train", project.model_id, project.dataset_id, "--hp", "num_train_epochs=1",
        "--require", "accuracy>=1.1", "--promote", "--json",
    )  # fmt: skip  # one command
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert (told["passed"], told["promoted"]) == (False, False)
    assert told["job"]["hyperparams"]["num_train_epochs"] == 1
    assert told["metrics"]["metrics"][0]["title"] == "Record-wise Classifier Metrics"
    assert done.stderr == ""
    assert client.models.get(project.model_id).promoted_version_id == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--hp", "num_train_epoch=3"), "num_train_epochs"),
        (("--hp", "max_length"), "no hyperparameter"),
        (("--require", "accuracy"), "no requirement"),
        (("--max-drop", "accuracy=0.1"), "--baseline"),
        (("--out", "loss.jpg"), ".png"),
    ],
    ids=str,
)
def test_wrong_options_end_with_2(project: Project, assay, options: tuple[str, ...], words: str):
    """What is misspelt or impossible is refused in words before anything is trained."""
    done = assay("train", PATH, project.dataset_id, *options)
    assert done.returncode == 2
    assert words in done.stderr


def test_names_that_are_none_end_with_2(project: Project, fresh, assay):
    """An unknown model, an unknown dataset and a model without a path are told apart."""
    assert "project path or the id" in assay("train", "no such", project.dataset_id).stderr
    model, _ = fresh()
    done = assay("train", model, project.dataset_id)
    assert done.returncode == 2
    assert f"assay models update {model} --path" in done.stderr
    assert assay("train", PATH, "dst-0000000000").returncode == 2


def test_an_interrupt_leaves_the_job_to_the_same_command(
    project: Project, client: Client, service: Service, tmp_path
):
    """Ctrl-C ends the waiting alone, with 130, and says how the job is taken up or ended."""
    command = [
        sys.executable, "-m", "assay", "train", PATH, project.dataset_id,
        "--hp", "num_train_epochs=9999",
    ]  # fmt: skip  # one command
    with subprocess.Popen(
        command, cwd=tmp_path, env=service.environment(), stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        first = process.stderr.readline()  # the job is known, and the command follows it
        process.send_signal(signal.SIGINT)
        told = first + process.communicate(timeout=60)[1]
    assert process.returncode == 130, told
    (job, *_) = client.training.list(model_project_path=PATH)
    assert job.state == "PENDING"
    assert f"Job {job.job_id} goes on" in told
    client.training.cancel(job.job_id)
    client.jobs.wait(job.job_id)


def test_the_command_predicts_a_file_that_can_be_measured(
    project: Project, client: Client, assay, tmp_path
):
    """With labels and scores what is written is a file of predictions, which a gate takes."""
    rows = [
        {"row_id": row["row_id"], "text": row["pages"][0], "label": row["label"]}
        for row in texts()["test"].to_pylist()
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "test.jsonl").write_text(lines)
    shown = assay("predict", PATH, "test.jsonl")
    assert [json.loads(line)["row_id"] for line in shown.stdout.splitlines()] == [
        row["row_id"] for row in rows
    ]
    version = project.job.version_id
    done = assay(
        "predict", PATH, "test.jsonl", "--version", version, "--scores", "--out", "found.csv"
    )
    assert (done.returncode, done.stdout) == (0, "")
    with (tmp_path / "found.csv").open() as file:
        assert next(csv.reader(file))[:3] == ["row_id", "y_true", "y_pred"]
    measured = assay(
        "evaluate", "found.csv", "--model", "predicted", "--version", "p1", "--create", "--json"
    )
    served = client.performance.summary(project.model_id, version).metrics
    found: dict[str, Any] = json.loads(measured.stdout)
    assert found["evaluation"]["metrics"]["accuracy"] == served["accuracy"]


def test_what_cannot_be_predicted_touches_no_file(project: Project, assay, tmp_path):
    """A wrong row ends with 2 and its name, and the file that was to be written stays as it was."""
    (tmp_path / "bad.jsonl").write_text('{"row_id": "a"}\n')
    (tmp_path / "kept.jsonl").write_text("kept")
    done = assay("predict", PATH, "bad.jsonl", "--out", "kept.jsonl")
    assert done.returncode == 2
    assert "text" in done.stderr
    assert (tmp_path / "kept.jsonl").read_text() == "kept"
    assert assay("predict", PATH, "bad.jsonl", "--format", "xml").returncode == 2


def test_a_watch_tells_epochs_and_splits(project: Project, assay):
    """`assay watch` has a line for each epoch with its losses, and for each measured split."""
    done = assay("watch", project.job.job_id)
    assert done.returncode == 0
    assert "epoch 3/3: loss " in done.stdout
    assert "measured on test: 48 rows" in done.stdout
