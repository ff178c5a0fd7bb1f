"""Datasets over REST, through Envoy: the routes, their statuses and their refusals."""

from __future__ import annotations

import io
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.dataset_rows import json_lines, text_row
from tests.support.refusal_body import check
from tests.support.rest_client import client, key_with

DATASETS = "/api/v1/datasets"
ROWS = [text_row(number) for number in range(60)]


@pytest.fixture(scope="module")
def admin(service) -> Iterator[httpx.Client]:
    with client(service, service.key) as found:
        yield found


@pytest.fixture
def path(admin) -> str:
    """The path of a new dataset of texts."""
    return f"{DATASETS}/{created(admin)['dataset_id']}"


def created(admin, task_type: str = "text_classification") -> dict:
    answer = admin.post(DATASETS, json={"name": f"d {uuid4()}", "task_type": task_type})
    assert answer.status_code == 201, answer.text
    return answer.json()


def uploaded(admin, path: str, split: str, data: bytes, content_type: str) -> httpx.Response:
    return admin.post(
        f"{path}/splits/{split}", content=data, headers={"content-type": content_type}
    )


def test_a_dataset_lives(admin):
    """A dataset is created with 201, filled, listed, read by its name, and deleted by cascade."""
    made = created(admin)
    path = f"{DATASETS}/{made['dataset_id']}"
    assert (made["revision"], made["splits"], "content_hash" in made) == (0, {}, False)
    answer = uploaded(admin, path, "train", json_lines(ROWS), "application/x-ndjson")
    assert answer.status_code == 201, answer.text
    revision = answer.json()["revision"]
    assert (revision["revision"], revision["splits"]["train"]["rows"]) == (1, 60)
    found = admin.get(path).json()
    assert found["content_hash"] == revision["content_hash"]
    assert admin.get(f"{DATASETS}/{made['name']}").json() == found
    assert found in admin.get(DATASETS).json()["datasets"]
    assert admin.get(f"{path}/revisions/1").json() == revision
    assert admin.get(f"{path}/revisions").json()["revisions"] == [revision]
    check(admin.delete(path), 422, "unprocessable_entity", path)
    assert admin.delete(path, params={"cascade": True}).status_code == 204
    check(admin.get(path), 404, "not_found", path)


def test_every_format_is_taken(admin, path):
    """CSV, JSON Lines, Parquet and Arrow of the same rows have one content hash."""
    table = pa.table(
        {"row_id": ["a", "b"], "text": ["so it goes", "and so on"], "label": ["x", "y"]}
    )
    sink, stream = io.BytesIO(), io.BytesIO()
    pq.write_table(table, sink)
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    files = {
        "text/csv": b"row_id,text,label\na,so it goes,x\nb,and so on,y\n",
        "application/x-ndjson": json_lines(table.to_pylist()),
        "application/vnd.apache.parquet": sink.getvalue(),
        "application/vnd.apache.arrow.stream": stream.getvalue(),
    }
    hashes = {
        uploaded(admin, path, "train", data, kind).json()["revision"]["content_hash"]
        for kind, data in files.items()
    }
    assert len(hashes) == 1


def test_splits_are_made_and_profiled(admin, path):
    """Splits are made of one with 201, and the profile counts the classes of each."""
    uploaded(admin, path, "train", json_lines(ROWS), "application/x-ndjson")
    answer = admin.post(f"{path}/splits:make", json={"fractions": {"test": 0.5}, "seed": 1})
    assert answer.status_code == 201, answer.text
    assert answer.json()["warnings"] == []
    profile = admin.get(f"{path}/profile").json()
    assert [one["split"] for one in profile["splits"]] == ["train", "test"]
    assert profile["splits"][1]["labels"] == [
        {"label": "a", "rows": 15}, {"label": "b", "rows": 15}
    ]  # fmt: skip  # one value
    again = admin.post(f"{path}/splits:make", json={"fractions": {"test": 0.5}})
    check(again, 409, "already_exists", f"{path}/splits:make")


def test_a_repeated_upload_is_known_by_its_key(admin, path):
    """The same file under the same Idempotency-Key makes one revision."""
    headers = {"content-type": "application/x-ndjson", "idempotency-key": str(uuid4())}
    answers = [
        admin.post(f"{path}/splits/train", content=json_lines(ROWS), headers=headers)
        for _ in range(2)
    ]
    assert answers[0].json() == answers[1].json()
    assert admin.get(path).json()["revision"] == 1


@pytest.mark.parametrize(
    ("split", "data", "kind", "status", "code", "told"),
    [
        ("trian", b"{}", "application/x-ndjson", 400, "validation_error", "did you mean 'train'?"),
        ("train", b"", "application/x-ndjson", 400, "validation_error", "The file is empty"),
        ("train", b"GIF89a", "image/gif", 415, "unsupported_media_type", "'image/gif' was sent"),
        (
            "train",
            json_lines([ROWS[0], {**ROWS[1], "label": None}]),
            "application/x-ndjson",
            400,
            "validation_error",
            "row 1 (line 2), column label: the value is missing",
        ),
    ],
)
def test_what_cannot_be_stored_is_refused(admin, path, split, data, kind, status, code, told):
    """A wrong split, content type, file or row is refused with what is wrong and the way out."""
    answer = uploaded(admin, path, split, data, kind)
    assert told in check(answer, status, code, f"{path}/splits/{split}")["message"]


def test_permissions_are_needed(service, admin, path):
    """Reading needs dataset:read, storing dataset:write."""
    with client(service, key_with(admin, "dataset:read")) as reader:
        assert reader.get(path).status_code == 200
        check(reader.delete(path), 403, "forbidden", path)
    with client(service, key_with(admin, "model:read")) as stranger:
        check(stranger.get(path), 403, "forbidden", path)
