"""Inference jobs over gRPC, on the whole service."""

from __future__ import annotations

import base64
from typing import Any
from uuid import uuid4

import pytest

from assay.features.inference.model import InputState
from assay.learning.rows import TaskType
from assay.v1 import inference_job_pb2
from tests.support.inference_rpc import TEXTS, House
from tests.support.rpc_service import Caller, Running, message
from tests.support.trained_versions import model_of, put_version
from tests.support.training_rows import texts


@pytest.fixture(scope="module")
def house(rpc: Running) -> House:
    """A version of texts."""
    caller = rpc.organization(f"inference-{uuid4().hex}")
    backend = rpc.backend
    version = put_version(
        backend.store, backend.blobs, caller.organization, TaskType.TEXT_CLASSIFICATION
    )
    return House(rpc=rpc, caller=caller, version=version)


def test_each_input_of_a_job_has_the_prediction_of_its_text(house: House):
    """A job of texts completes, and each input has every class of its own prediction, best first."""
    sources = {f"text {at:03d}": {"input.txt": text} for at, text in enumerate(TEXTS)}
    made = house.submit(sources)
    assert (made.status, made.total, made.pending) == ("SUBMITTED", len(TEXTS), len(TEXTS))
    job = house.ended(made.job_id)
    assert (job.status, job.completed, job.failed) == ("COMPLETED", len(TEXTS), 0)
    found = model_of(TaskType.TEXT_CLASSIFICATION).predict(
        texts()["test"].combine_chunks().to_batches()[0]
    )
    outputs = house.outputs(made.job_id)
    assert list(outputs) == list(sources)
    for row, one in enumerate(outputs.values()):
        assert set(one) == {"modelType", "result", "explanation"}
        told = one["result"]["classPredictions"]
        assert {each["class"]: each["score"] for each in told} == pytest.approx(
            dict(zip(found.labels, found.probabilities[row].tolist(), strict=True))
        )
        scores = [each["score"] for each in told]
        assert scores == sorted(scores, reverse=True)


GOOD = TEXTS[0]


def uri(data: bytes | str, kind: str = "text/plain") -> str:
    """Return a data URI."""
    sent = data.encode() if isinstance(data, str) else data
    return f"data:{kind};base64,{base64.b64encode(sent).decode()}"


@pytest.mark.parametrize(
    ("kind", "items", "says"),
    [
        ("text", {"input.png": GOOD}, "'input.txt'"),
        ("text", {"input.txt": GOOD, "more": "x"}, "'more'"),
        ("text", {}, "nothing"),
        ("embedded", {"input.txt": GOOD}, "no data URI"),
        ("embedded", {"input.txt": "data:text/plain;base64,%%%"}, "base64"),
        ("embedded", {"input.txt": uri(b"\xff\xfe\xfd")}, "utf-8"),
        ("embedded", {"input.txt": uri(b"abc", "text/plain;charset=klingon")}, "klingon"),
        ("embedded", {"input.txt": uri(b"abc", "text/plain;charset=rot13")}, "rot13"),
        ("embedded", {"input.txt": uri(b"abc", "image/png")}, "image/png"),
    ],
    ids=lambda one: str(one)[:30],
)
def test_a_wrong_content_fails_its_input_alone(
    house: House, kind: str, items: dict[str, str], says: str
):
    """An input of a wrong name or content fails and says why; the others succeed, and the job completes."""
    good = GOOD if kind == "text" else uri(GOOD)
    sources = {"a": {"input.txt": good}, "b": items, "c": {"input.txt": good}}
    job = house.ended(house.submit(sources, kind).job_id)
    assert (job.status, job.completed, job.failed) == ("COMPLETED", 2, 1)
    inputs = house.inputs(job.job_id)
    assert [one.state for one in inputs.values()] == [
        InputState.SUCCESSFUL, InputState.FAILED, InputState.SUCCESSFUL,
    ]  # fmt: skip  # one an input
    assert says in (inputs["b"].error or "")


def test_an_embedded_text_is_read_in_its_charset(house: House):
    """A data URI may say a charset, may be percent-encoded, and clients who know no type may say so."""
    latin = "Århus på søndag".encode("latin-1")
    sources = {
        "plain": {"input.txt": uri("Århus på søndag")},
        "latin": {"input.txt": uri(latin, "text/plain;charset=ISO-8859-1")},
        "octets": {"input.txt": uri("Århus på søndag", "application/octet-stream")},
        "percent": {"input.txt": "data:,%C3%85rhus%20p%C3%A5%20s%C3%B8ndag"},
        "bom": {"input.txt": uri(b"\xef\xbb\xbf" + "Århus på søndag".encode())},
    }
    job = house.ended(house.submit(sources, "embedded").job_id)
    assert job.failed == 0
    outputs = house.outputs(job.job_id)
    told = {one["class"]: one["score"] for one in outputs["plain"]["result"]["classPredictions"]}
    for one in outputs.values():
        scores = {each["class"]: each["score"] for each in one["result"]["classPredictions"]}
        assert scores == pytest.approx(told)


def test_typed_inputs_are_bytes_texts_and_uris(house: House):
    """A native caller sends bytes, texts and data URIs as they are, in the order that is kept."""
    inputs = [
        {"name": "z", "items": {"input.txt": {"data": GOOD.encode(), "media_type": "text/plain"}}},
        {"name": "y", "items": {"input.txt": {"text": GOOD}}},
        {"name": "x", "items": {"input.txt": {"data_uri": uri(GOOD)}}},
    ]
    made = house.caller("SubmitInferenceJob", model=house.model(), inputs=inputs)
    assert (made.input_type, made.total) == ("file", 3)
    assert house.ended(made.job_id).completed == 3
    assert list(house.inputs(made.job_id)) == ["z", "y", "x"]


@pytest.mark.parametrize(
    ("fields", "code", "says"),
    [
        ({"model": {"identifier": "mdl-0000000000"}}, "NOT_FOUND", "mdl-0000000000"),
        ({"model": {"version": "9.0.0"}}, "NOT_FOUND", "9.0.0"),
        ({"model": {"identifier": ""}}, "INVALID_ARGUMENT", "model.identifier"),
        ({"input": {"type": "smoke"}}, "INVALID_ARGUMENT", "smoke"),
        ({"input": {"type": "text"}}, "INVALID_ARGUMENT", "at least one input"),
        ({"inputs": [{"name": "a"}, {"name": "a"}]}, "INVALID_ARGUMENT", "called 'a'"),
        ({"inputs": [{"name": "a\tb"}]}, "INVALID_ARGUMENT", "control character"),
        ({"inputs": [{"name": ".."}]}, "INVALID_ARGUMENT", "'..' is no name"),
        ({"inputs": [{"name": "a", "items": {"i": {}}}]}, "INVALID_ARGUMENT", "no content"),
        ({"inputs": [{"name": f"{n}"} for n in range(10_001)]}, "RESOURCE_EXHAUSTED", "10000"),
        ({"timeout": 4_000_000_000}, "INVALID_ARGUMENT", "30 days"),
    ],
    ids=lambda one: str(one)[:40],
)
def test_what_no_job_can_be_made_of_is_refused(
    house: House, fields: dict[str, Any], code: str, says: str
):
    """A submission without a model, with wrong inputs or too many of them makes no job."""
    model = {**house.model(), **fields.pop("model", {})}
    refused = house.caller.refused("SubmitInferenceJob", model=model, **fields)
    assert refused.code == code
    assert says in refused.message


def test_what_is_not_explained_is_refused_at_once(house: House):
    """A job of extractions, which nothing explains, is refused with explain; of texts it is explained."""
    backend = house.rpc.backend
    fields = put_version(
        backend.store, backend.blobs, house.caller.organization, TaskType.EXTRACTION
    )
    model = {"identifier": fields.model_id}
    refused = house.caller.refused("SubmitInferenceJob", model=model, explain=True)
    assert refused.told == ("FAILED_PRECONDITION", "NOT_EXPLAINABLE")
    made = house.submit({"a": {"input.txt": "hej"}}, explain=True)
    assert house.ended(made.job_id).explain
    assert "wordImportances" in house.outputs(made.job_id)["a"]["explanation"]


def test_a_repeated_request_is_one_job(house: House):
    """The same request id answers with the first job; with other inputs it is refused."""
    request_id = uuid4().hex
    asked = house.asked({"b": {"input.txt": GOOD}, "a": {"input.txt": GOOD}}, request_id=request_id)
    first, again = (house.caller("SubmitInferenceJob", **asked) for _ in range(2))
    assert first.job_id == again.job_id
    other = house.asked({"b": {"input.txt": "else"}}, request_id=request_id)
    assert house.caller.refused("SubmitInferenceJob", **other).code == "ALREADY_EXISTS"
    house.ended(first.job_id)


def test_a_job_is_absent_for_others(house: House, other: Caller):
    """Another organization neither reads nor cancels a job, and cannot submit to its model."""
    made = house.submit({"a": {"input.txt": GOOD}})
    for name in ("GetInferenceJob", "CancelInferenceJob"):
        assert other.refused(name, job_id=made.job_id).code == "NOT_FOUND"
    asked = house.asked({"a": {"input.txt": GOOD}})
    assert other.refused("SubmitInferenceJob", **asked).code == "NOT_FOUND"
    house.ended(made.job_id)


def test_an_open_job_is_canceled_at_once(house: House):
    """A job without inputs is OPEN; canceled it is CANCELED, however often that is asked."""
    made = house.caller("SubmitInferenceJob", model=house.model())
    assert (made.status, made.total) == ("OPEN", 0)
    for _ in range(2):
        assert house.caller("CancelInferenceJob", job_id=made.job_id).status == "CANCELED"
    ended = house.submit({"a": {"input.txt": GOOD}})
    house.ended(ended.job_id)
    refused = house.caller.refused("CancelInferenceJob", job_id=ended.job_id)
    assert refused.told == ("FAILED_PRECONDITION", "JOB_NOT_CANCELABLE")


def test_a_running_job_is_canceled_with_what_it_has(house: House):
    """A cancel ends a running job within seconds; results stay, and the other inputs fail with the reason."""
    sources = {f"{at:05d}": {"input.txt": GOOD} for at in range(2_000)}
    made = house.submit(sources, explain=True)
    stream = house.caller.begin("WatchJob", message("WatchJob", job_id=made.job_id))
    next(one for one in stream if any(event.kind == "input" for event in one.events))
    stream.cancel()
    canceled = house.caller("CancelInferenceJob", job_id=made.job_id)
    assert canceled.status == "CANCELED"
    assert canceled.completed > 0
    assert (canceled.pending, canceled.completed + canceled.failed) == (0, 2_000)
    rows = house.inputs(made.job_id).values()
    assert sum(bool(row.outputs) for row in rows) == canceled.completed
    assert {row.error for row in rows if row.error} == {"The job was canceled before it ended."}


def test_a_job_that_is_late_times_out_and_its_inputs_fail(house: House):
    """A job ends TIMEDOUT after its timeout; what had not finished fails and says so."""
    sources = {f"{at:05d}": {"input.txt": GOOD} for at in range(3_000)}
    job = house.ended(house.submit(sources, timeout=1).job_id)
    assert (job.status, job.pending) == ("TIMEDOUT", 0)
    assert job.failed > 0
    rows = house.inputs(job.job_id).values()
    assert {row.error for row in rows if row.error} == {"The job's deadline passed."}


def test_each_finished_input_is_an_event(house: House):
    """A watch tells every input once, with its state, before the job's end."""
    made = house.submit({"a": {"input.txt": GOOD}, "b": {"input.png": GOOD}})
    told = [
        event
        for batch in house.caller("WatchJob", job_id=made.job_id)
        for event in batch.events
        if event.kind == "input"
    ]
    found = []
    for event in told:
        one = inference_job_pb2.InferenceInputFinished()
        assert event.payload.Unpack(one)
        found.append((one.position, one.input_name, one.status, bool(one.error)))
    assert sorted(found) == [(0, "a", "SUCCESSFUL", False), (1, "b", "FAILED", True)]


def test_the_rest_views_have_the_documented_keys(house: House):
    """The receipt and the details have every documented key, in camelCase with milliseconds and zone."""
    rest = house.caller.rest("/api/jobs")
    receipt = rest.view(
        "InferenceJobRest.SubmitInferenceJob", **house.asked({"a": {"input.txt": GOOD}})
    )
    assert rest.headers["x-http-status"] == "202"
    assert list(receipt) == [
        "model", "status", "totalInputs", "jobIdentifier", "accessKey", "explain", "jobType",
        "accountIdentifier", "team", "user", "jobInputs", "inputByteAmount", "submittedAt",
        "hoursDeleteInput", "imageClassificationModel", "timeout",
    ]  # fmt: skip  # a list
    assert receipt["jobInputs"] == {"identifier": ["a"]}
    assert receipt["submittedAt"].endswith("+00:00")
    assert receipt["accessKey"]
    house.ended(receipt["jobIdentifier"])
    details = rest.view("InferenceJobRest.GetInferenceJob", job_id=receipt["jobIdentifier"])
    assert list(details) == [
        "jobIdentifier", "submittedBy", "accountIdentifier", "model", "status", "createdAt",
        "updatedAt", "submittedAt", "total", "pending", "completed", "failed", "elapsedTime",
        "queueTime", "timeout", "user", "jobInputs", "explain", "team", "hoursDeleteInput",
        "inputByteAmount", "imageClassificationModel",
    ]  # fmt: skip  # a list
    assert details["jobInputs"] == [{"identifier": "a"}]
    assert (details["status"], details["completed"], details["pending"]) == ("COMPLETED", 1, 0)
    assert details["model"] == {
        "identifier": house.version.model_id, "version": "1.0.0", "name": "text_classification",
    }  # fmt: skip  # one line each
