"""The rows of files as inputs of jobs, over REST through Envoy."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.features.inference.store import InferenceJobs
from assay.learning.rows import ANSWERS, TaskType
from tests.support.chunk_sender import Sender, check
from tests.support.trained_versions import SPLITS, model_of, put_version

ARROW = "application/vnd.apache.arrow.stream"
CSV = "text/csv"


def arrow(table: pa.Table) -> bytes:
    """Return a table as an Arrow stream."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def asked(task_type: TaskType) -> pa.Table:
    """Return a few rows without what is to be predicted."""
    table = SPLITS[task_type]()["test"].slice(0, 12)
    return table.drop_columns([name for name in table.column_names if name in ANSWERS])


@pytest.fixture(scope="module")
def house(rpc, rpc_web) -> Iterator[dict[TaskType, Sender]]:
    """Senders of one organization, each with a version of another task type."""
    caller = rpc.organization(f"rows-{uuid4().hex}")
    backend = rpc.backend
    with rpc_web(caller) as web:
        yield {
            task: Sender(
                rpc,
                caller,
                web,
                put_version(backend.store, backend.blobs, caller.organization, task),
            )
            for task in TaskType
        }


def send(sender: Sender, job: str, data: bytes, kind: str = ARROW) -> Any:
    return sender.web.post(f"{job}/rows", content=data, headers={"content-type": kind})


def results(sender: Sender, job: str) -> dict[str, Any]:
    """Return the result of each input of a job that has ended."""
    with sender.rpc.backend.store.read() as uow:
        found = uow[InferenceJobs].inputs(
            sender.caller.organization, job.rpartition("/")[2], limit=20_000
        )
    assert not [one.error for one in found if one.error]
    return {one.name: json.loads(one.outputs[0].inline)["result"] for one in found}


@pytest.mark.parametrize("task_type", list(TaskType))
def test_each_row_is_an_input_and_has_the_prediction_of_the_row(house, task_type):
    """Rows of every task type are predicted as the model predicts them from a table."""
    sender = house[task_type]
    table = asked(task_type)
    job = sender.opened()
    answer = send(sender, job, arrow(table))
    assert (answer.status_code, answer.json()["total"]) == (200, 12), answer.text
    ended = sender.close(job)
    assert (ended["completed"], ended["failed"]) == (12, 0), sender.errors(job)
    told = results(sender, job)
    assert list(told) == table.column("row_id").to_pylist()
    found = model_of(task_type).predict(table.combine_chunks().to_batches()[0])
    for at, one in enumerate(told.values()):
        if "value" in one:
            assert one["value"] == found.values[at]
        elif "classPredictions" in one:
            scores = {each["class"]: each["score"] for each in one["classPredictions"]}
            expected = found.probabilities[at].tolist()
            # Of images in another batch the last digits of a float32 differ.
            wanted = dict(zip(found.labels, expected, strict=True))
            assert scores == pytest.approx(wanted, rel=1e-4)


def test_every_format_is_taken_and_files_follow_each_other(house):
    """CSV, JSON Lines, Parquet and Arrow add to one job, and chunks stand beside rows."""
    sender = house[TaskType.TEXT_CLASSIFICATION]
    job = sender.opened()
    parquet = io.BytesIO()
    pq.write_table(pa.table({"row_id": ["p"], "text": ["so it goes"]}), parquet)
    files = [
        (CSV, b"row_id,text\nc 1,so it goes\n\xc3\xa9,on and on\n"),
        ("application/x-ndjson", b'{"row_id": "j", "text": "so it goes"}\n'),
        ("application/vnd.apache.parquet", parquet.getvalue()),
        (ARROW, arrow(pa.table({"row_id": ["a"], "text": ["so it goes"]}))),
    ]
    for kind, data in files:
        assert send(sender, job, data, kind).status_code == 200
    assert sender.send(f"{job}/chunked/input.txt", b"so it goes").status_code == 200
    ended = sender.close(job)
    names = ["c 1", "é", "j", "p", "a", "chunked"]
    assert [one["identifier"] for one in ended["jobInputs"]] == names
    assert ended["completed"] == 6
    told = results(sender, job)
    assert all(told[name] == told["c 1"] for name in ("j", "p", "a", "chunked"))


def test_a_wrong_file_adds_no_row_and_is_told(house):
    """Other formats, broken files, wrong rows and names that are taken are refused; nothing is kept."""
    sender = house[TaskType.TABULAR_CLASSIFICATION]
    table = asked(TaskType.TABULAR_CLASSIFICATION)
    whole = arrow(table)
    job = sender.opened()
    before = sender.kept()
    many = pa.table({"row_id": [str(at) for at in range(10_001)], "x": [0.0] * 10_001})
    cases = [
        (whole, "application/json", 415, "text/csv"),
        (b"", ARROW, 400, "empty"),
        (whole[:200], ARROW, 400, None),
        (b"\x00" * 99, "application/vnd.apache.parquet", 400, None),
        (b"x\n1\n", CSV, 400, "row_id"),
        (b"row_id,a\nr,1\nr,2\n", CSV, 400, "row"),
        (b"row_id,a\n" + b"r" * 256 + b",1\n", CSV, 400, "255"),
        (arrow(many), ARROW, 413, "10000"),
    ]
    for data, kind, status, told in cases:
        body = check(send(sender, job, data, kind), status)
        assert told is None or told in body["message"], body["message"]
    assert sender.web.get(job).json()["total"] == 0
    assert sender.kept() == before
    assert send(sender, job, whole).status_code == 200
    assert "two inputs" in check(send(sender, job, whole), 400)["message"]
    sender.close(job)
    check(send(sender, job, whole), 409)
