"""Results of inference jobs over gRPC: at once, one by one, and as they finish."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import grpc
import pytest

from assay.features.inference.store import InferenceJobs
from assay.features.models.declared import RESERVED
from assay.kernel.jobs.ledger_runs import Jobs
from assay.learning.rows import TaskType
from tests.support.inference_rpc import TEXTS, House
from tests.support.rpc_service import Caller, Running, message
from tests.support.trained_versions import put_version

NAMES = [f"text {at:03d}" for at in range(70)]


@pytest.fixture(scope="module")
def mine(rpc: Running) -> House:
    """A version of texts in an organization of its own."""
    caller = rpc.organization(f"results-{uuid4().hex}")
    store, blobs = rpc.backend.store, rpc.backend.blobs
    version = put_version(store, blobs, caller.organization, TaskType.TEXT_CLASSIFICATION)
    return House(rpc=rpc, caller=caller, version=version)


@pytest.fixture(scope="module")
def job_id(mine: House) -> str:
    """A job of many inputs, of which one fails, that has ended."""
    sources = {name: {"input.txt": TEXTS[at % len(TEXTS)]} for at, name in enumerate(NAMES)}
    made: str = mine.submit({**sources, "wrong": {"input.png": "x"}}).job_id
    mine.ended(made)
    return made


def told(caller: Caller, job: str, after: int = 0) -> list[Any]:
    """Return the messages of a watch of results."""
    found: list[Any] = caller("WatchInferenceResults", job_id=job, after_sequence=after)
    return found


def test_results_come_in_pages_with_the_job_first(mine: House, job_id: str) -> None:
    """The first part has the job, and all parts together each finished input once, in order."""
    parts = mine.caller("GetInferenceResults", job_id=job_id)
    assert [part.HasField("job") for part in parts] == [True] + [False] * (len(parts) - 1)
    assert (parts[0].job.completed, parts[0].job.failed) == (70, 1)
    results = [one for part in parts for one in part.results]
    assert [one.position for one in results] == list(range(71))
    assert {one.input_name for one in results} == {*NAMES, "wrong"}
    for one in results:
        alone = mine.caller("GetInferenceResult", job_id=job_id, input_name=one.input_name)
        assert alone == one
        if one.input_name == "wrong":
            assert (one.status, list(one.outputs)) == ("FAILED", [])
            assert "input.txt" in one.error
            continue
        (output,) = one.outputs
        assert (output.name, output.media_type) == ("results.json", "application/json")
        assert json.loads(output.data)["modelType"] == "textClassification"
        assert output.size == len(output.data)


def test_an_output_is_streamed_under_its_media_type(mine: House, job_id: str) -> None:
    """A download is the bytes of the output."""
    found = mine.caller("GetInferenceResult", job_id=job_id, input_name=NAMES[3])
    fields = {"job_id": job_id, "input_name": NAMES[3], "output_name": "results.json"}
    parts = mine.caller("GetInferenceOutput", **fields)
    assert {part.content_type for part in parts} == {"application/json"}
    assert b"".join(part.data for part in parts) == found.outputs[0].data


def test_a_watch_tells_each_input_once_and_resumes_anywhere(mine: House, job_id: str) -> None:
    """Whatever sequence a watch resumes after, it tells the inputs after it, and the job at the end."""
    whole = told(mine.caller, job_id)
    results = [one for part in whole for one in part.results]
    assert sorted(one.result.input_name for one in results) == sorted([*NAMES, "wrong"])
    sequences = [one.sequence for one in results]
    assert sequences == sorted(set(sequences))
    assert [part.HasField("job") for part in whole] == [False] * (len(whole) - 1) + [True]
    assert whole[-1].job.status == "COMPLETED"
    bookmarks = [part.bookmark for part in whole]
    assert bookmarks == sorted(bookmarks)
    for after in (sequences[0], sequences[40], sequences[-1], bookmarks[-1]):
        again = told(mine.caller, job_id, after)
        left = [one.sequence for part in again for one in part.results]
        assert left == [one for one in sequences if one > after]
        assert again[-1].job.status == "COMPLETED"
    alone = mine.caller(
        "GetInferenceResult", job_id=job_id, input_name=results[0].result.input_name
    )
    assert alone == results[0].result


def test_a_watch_tells_results_while_the_job_runs(mine: House) -> None:
    """A watch that begins before a job tells its inputs as they finish, and ends with it."""
    opened = mine.caller("SubmitInferenceJob", model=mine.model())
    seen: list[Any] = []
    started = threading.Event()

    def follow() -> None:
        request = message("WatchInferenceResults", job_id=opened.job_id, bookmark_seconds=0.1)
        for part in mine.caller.begin("WatchInferenceResults", request):
            seen.append(part)
            started.set()

    reader = threading.Thread(target=follow)
    reader.start()
    assert started.wait(30)  # a bookmark: nothing has happened yet
    assert not seen[0].results
    chunk = message(
        "AddInferenceInput",
        job_id=opened.job_id,
        input_name="a",
        item_name="input.txt",
        file={"content_type": "application/octet-stream", "data": TEXTS[0].encode()},
    )
    mine.caller.raw("AddInferenceInput", iter([chunk]))
    mine.caller("CloseInferenceJob", job_id=opened.job_id)
    reader.join(60)
    assert [one.result.input_name for part in seen for one in part.results] == ["a"]
    assert seen[-1].job.completed == 1


def test_inputs_that_never_ran_are_told_at_the_end(mine: House) -> None:
    """A canceled job's inputs come as FAILED with the sequence of its end; the bookmark is before it."""
    store, organization = mine.rpc.backend.store, mine.caller.organization
    opened = mine.caller("SubmitInferenceJob", model=mine.model())
    for name in "ab":
        chunk = message(
            "AddInferenceInput",
            job_id=opened.job_id,
            input_name=name,
            item_name="input.txt",
            file={"content_type": "application/octet-stream", "data": b"x"},
        )
        mine.caller.raw("AddInferenceInput", iter([chunk]))
    mine.caller("CancelInferenceJob", job_id=opened.job_id)
    whole = told(mine.caller, opened.job_id)
    results = [one for part in whole for one in part.results]
    assert [(one.result.input_name, one.result.status) for one in results] == [
        ("a", "FAILED"), ("b", "FAILED"),
    ]  # fmt: skip  # one an input
    assert not any(one.result.HasField("engine") for one in results)
    assert whole[-1].job.status == "CANCELED"
    with store.read() as uow:
        last = uow[Jobs].get(organization, opened.job_id).last_sequence
        assert uow[InferenceJobs].get(organization, opened.job_id).failed == 2
    assert {one.sequence for one in results} == {last}
    assert max(part.bookmark for part in whole if part.results) == last - 1
    assert [part.HasField("job") for part in told(mine.caller, opened.job_id, last)] == [True]
    again = told(mine.caller, opened.job_id, last - 1)
    assert [one.result.input_name for part in again for one in part.results] == ["a", "b"]


def test_a_watch_token_watches_the_results_of_its_job_alone(mine: House, job_id: str) -> None:
    """A browser's token opens the stream of results of one job, and of no other."""
    other = mine.submit({"a": {"input.txt": TEXTS[0]}}).job_id
    token = mine.caller("CreateWatchToken", job_id=job_id).access_token
    nobody = mine.caller.with_credential(None)

    def events(watched: str) -> Iterator[Any]:
        path = f"/api/results/{watched}:watch?access_token={token}"
        request = message("WatchInferenceResultEvents", job_id=watched, access_token=token)
        return iter(nobody.rest(path).begin("WatchInferenceResultEvents", request))

    assert b"event: job" in b"".join(part.data for part in events(job_id))
    with pytest.raises(grpc.RpcError) as refused:
        list(events(other))
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED  # type: ignore[attr-defined]  # of a call


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("WatchInferenceResults", {"bookmark_seconds": 11}),
        ("WatchInferenceResults", {"bookmark_seconds": float("nan")}),
        ("WatchInferenceResults", {"after_sequence": 2**63}),
        ("ListInferenceJobs", {"page": -1}),
        ("ListInferenceJobs", {"per_page": 0}),
    ],
    ids=str,
)
def test_requests_that_cannot_be_are_refused(
    mine: House, job_id: str, name: str, fields: dict[str, Any]
) -> None:
    """An interval, a sequence and a page out of range are refused before anything is told."""
    known = {"job_id": job_id} if name.startswith("Watch") else {}
    code = mine.caller.refused(name, **known, **fields).code
    assert code in {"INVALID_ARGUMENT", "OUT_OF_RANGE"}


def test_native_callers_page_through_history(mine: House, job_id: str) -> None:
    """Pages of the typed listing hold each job once, and say whether more follow."""
    seen: list[str] = []
    page, more = 0, True
    while more:
        page += 1
        found = mine.caller("ListInferenceJobs", page=page, per_page=2, sort_by="createdAt")
        seen += [job.job_id for job in found.jobs]
        more = found.has_more
    assert len(seen) == len(set(seen)) >= 2
    assert job_id in seen


def test_no_output_has_the_name_of_a_key_of_results(mine: House) -> None:
    """A model cannot declare an output whose name the results object uses for something else."""
    assert {"status", "engine", "error", "voting", "elapsedTime"} <= RESERVED
    refused = mine.caller.refused(
        "CreateModel", name="m", task_type="classification", outputs=[{"name": "status"}]
    )
    assert refused.code == "INVALID_ARGUMENT"
    assert "status" in refused.message
