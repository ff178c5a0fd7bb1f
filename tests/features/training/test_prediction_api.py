"""Predictions of files over gRPC: what is told of each row, and what is refused."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pytest
from google.protobuf.message import Message

from assay.features.artifacts.store import VersionArtifacts
from assay.features.models.store import Models
from assay.features.training.prediction import MAX_ROWS, MAX_SCORES, check_size
from assay.kernel.errors import TooLarge
from assay.learning.rows import TaskType, canonical_schema
from assay.records import replace
from tests.support.rpc_service import Caller, Running, message
from tests.support.training_project import LABELS, Project, project
from tests.support.training_rows import OrganizationBlobs, Rows, put_dataset, put_model, texts

LINES = "application/x-ndjson"
PIECE = 1 << 16  # bytes of one message


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A version that was trained on texts."""

    project: Project
    version_id: str

    def sent(self, data: bytes, **asked: Any) -> Iterator[Message]:
        """Yield the messages of a file."""
        kind = asked.pop("content_type", LINES)
        head = {"model_id": self.project.model_id, "version_id": self.version_id, **asked}
        for at in range(0, max(1, len(data)), PIECE):
            file = {"content_type": kind, "data": data[at : at + PIECE]}
            yield message("PredictFile", **(head if at == 0 else {}), file=file)

    def predicts(self, data: bytes, **asked: Any) -> str:
        """Return the predictions of a file."""
        parts = self.project.caller.raw("PredictFile", self.sent(data, **asked))
        return b"".join(part.data for part in parts).decode()

    def refuses(self, data: bytes, **asked: Any) -> Any:
        """Return how a file is refused."""
        return self.project.caller.refused("PredictFile", self.sent(data, **asked))


def lines(rows: Iterable[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


UNSEEN = [{"row_id": row["row_id"], "text": row["pages"][0]} for row in texts()["test"].to_pylist()]
LABELED = [
    {**row, "label": label}
    for row, label in zip(UNSEEN, texts()["test"]["label"].to_pylist(), strict=True)
]


@pytest.fixture(scope="module")
def trained(rpc: Running) -> Trained:
    """A trained and promoted version."""
    found = project(rpc, rpc.organization(f"predictions-{uuid4().hex}"))
    job = found.ended(found.submit().job_id)
    assert job.status == "OK", job.msg
    found.caller("PromoteVersion", model_id=found.model_id, version_id=job.version_id)
    return Trained(project=found, version_id=job.version_id)


def test_rows_are_predicted_in_their_order(trained: Trained):
    """Each row has a class of the model and its probability; most are right."""
    told = [json.loads(line) for line in trained.predicts(lines(UNSEEN)).splitlines()]
    assert [row["row_id"] for row in told] == [row["row_id"] for row in UNSEEN]
    assert all(set(row) == {"row_id", "y_pred", "confidence"} for row in told)
    assert {row["y_pred"] for row in told} <= set(LABELS)
    assert all(1 / len(LABELS) <= row["confidence"] <= 1 for row in told)


def test_predictions_are_what_the_job_measured(trained: Trained):
    """With their labels and scores the rows give the accuracy that the version is served with."""
    text = trained.predicts(lines(LABELED), format="csv", scores=True)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert list(rows[0]) == ["row_id", "y_true", "y_pred", *(f"score:{one}" for one in LABELS)]
    right = sum(row["y_true"] == row["y_pred"] for row in rows) / len(rows)
    summary = trained.project.caller(
        "GetPerformanceSummary", model_id=trained.project.model_id, dataset_split="test"
    )
    assert right == summary.metrics["accuracy"]
    for row in rows:
        assert sum(float(row[f"score:{one}"]) for one in LABELS) == pytest.approx(1)


def test_the_promoted_version_predicts_where_none_is_named(trained: Trained):
    """Without a version it is the promoted one, and a file of CSV is read as well."""
    first = UNSEEN[0]
    table = io.StringIO()
    csv.writer(table).writerows([["row_id", "text"], [first["row_id"], first["text"]]])
    sent = table.getvalue().encode()
    assert trained.predicts(sent, version_id="", content_type="text/csv") == trained.predicts(
        lines([first])
    )


def test_a_lost_model_is_told_as_the_versions(rpc: Running):
    """Predictions by a version whose artifact is gone name the version."""
    found = project(rpc, rpc.organization(f"lost-{uuid4().hex}"))
    organization, version_id = (
        found.caller.organization,
        found.ended(found.submit().job_id).version_id,
    )
    with rpc.backend.store.write() as uow:
        made = uow[VersionArtifacts].of(uow[Models].get(organization, found.model_id), version_id)
        uow[VersionArtifacts].put(
            organization,
            found.model_id,
            version_id,
            job_id=made.job_id,
            artifact=replace(made.artifact, blob=f"sha256:{'0' * 64}"),
        )
    refused = Trained(project=found, version_id=version_id).refuses(lines(UNSEEN))
    assert refused.reason == "DATA_MISSING"
    assert refused.metadata == {"resource_type": "version", "resource_id": version_id}


def test_nothing_of_a_prediction_is_kept(rpc: Running, trained: Trained):
    """Neither the file nor its predictions leave a blob behind, whether it goes well or not."""
    root = rpc.backend.settings.data_dir

    def kept() -> set[Path]:
        return {one for one in root.rglob("*") if one.is_file() and "blobs" in one.parts}

    before = kept()
    assert before
    trained.predicts(lines(UNSEEN))
    trained.refuses(lines([{"row_id": "a"}]))
    assert kept() == before


@pytest.mark.parametrize(
    ("row", "word"),
    [
        ({"row_id": "a"}, "text"),
        ({"text": "so it goes"}, "row_id"),
        ({"row_id": "a", "text": 7}, "text"),
        ({"row_id": "a", "text": "x", "age": 7}, "age"),
    ],
    ids=str,
)
def test_a_wrong_row_is_named(trained: Trained, row: dict[str, Any], word: str):
    """A row that breaks a rule is refused before anything is told."""
    refused = trained.refuses(lines([UNSEEN[0], row]))
    assert refused.code == "INVALID_ARGUMENT"
    assert word in refused.message


def test_what_cannot_be_asked_is_refused(trained: Trained, me: Caller):
    """A format, a content type, a version and a file that are none are refused by name."""
    assert trained.refuses(b"x", format="xml").violations[0][0] == "format"
    assert trained.refuses(b"x", content_type="image/png").reason == "BAD_CONTENT_TYPE"
    assert trained.refuses(b"x", version_id="ver-00000").code == "NOT_FOUND"
    assert trained.refuses(b"").code == "INVALID_ARGUMENT"
    model_id, version_id = me.ready()
    untrained = message(
        "PredictFile",
        model_id=model_id,
        version_id=version_id,
        file={"data": b"x", "content_type": LINES},
    )
    assert me.refused("PredictFile", iter([untrained])).code == "FAILED_PRECONDITION"
    assert me.refused("PredictFile", trained.sent(lines(UNSEEN))).code == "NOT_FOUND"


def test_features_are_of_the_kinds_that_were_trained_on(rpc: Running):
    """A category of digits in a file of CSV stays one; a feature that is not there is named."""
    caller = rpc.organization("predictions-of-tables")
    found = table_project(rpc, caller)
    job = found.ended(found.submit(hyperparams={"num_train_epochs": 3}).job_id)
    assert job.status == "OK", job.msg
    made = Trained(project=found, version_id=job.version_id)
    told = made.predicts(b"row_id,size,shop\na,1.5,7\nb,,8\n", content_type="text/csv")
    assert [set(json.loads(line)) for line in told.splitlines()] == [{"row_id", "y_pred"}] * 2
    refused = made.refuses(b"row_id,shop\na,7\n", content_type="text/csv")
    assert "size" in refused.message


def table_project(rpc: Running, caller: Caller) -> Project:
    """Return a project of a regression with a number and a category, whose values are digits."""
    task_type = TaskType.TABULAR_REGRESSION
    features = [pa.field("size", pa.float64()), pa.field("shop", pa.string())]
    columns = {
        "row_id": [str(row) for row in range(60)],
        "size": [row / 7 for row in range(60)],
        "shop": ["7" if row % 2 else "8" for row in range(60)],
        "target": [row / 7 + (row % 2) for row in range(60)],
    }
    table = pa.table(columns, schema=canonical_schema(task_type, features))
    splits = {"train": table.slice(0, 40), "test": table.slice(40)}
    rows = Rows(task_type, splits, OrganizationBlobs(rpc.backend.blobs, caller.organization))
    with rpc.backend.store.write() as uow:
        model = put_model(uow, caller.organization, "shops", task_type)
        dataset_id = put_dataset(uow, caller.organization, "Shops", rows)
    return Project(caller=caller, model_id=model.model_id, dataset_id=dataset_id, path="shops")


def test_an_answer_has_bounds():
    """More rows, or more probabilities, than one answer may have are refused with the number."""
    check_size(MAX_ROWS, MAX_SCORES // MAX_ROWS)
    with pytest.raises(TooLarge, match=f"more than {MAX_ROWS} rows"):
        check_size(MAX_ROWS + 1, 0)
    with pytest.raises(TooLarge, match=f"at most {MAX_SCORES} are told"):
        check_size(MAX_ROWS, MAX_SCORES // MAX_ROWS + 1)
