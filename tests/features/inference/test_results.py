"""Results of a job, read in pages and written in parts."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import fields

from assay.features.inference.job_end import settle
from assay.features.inference.model import KIND, InferenceJob, InputOutput
from assay.features.inference.rest_results import (
    PART_BYTES,
    DocumentWriter,
    InputResultView,
    ResultsView,
    gathered,
)
from assay.features.inference.results_service import ResultReader
from assay.features.inference.results_store import InferenceResults, read
from assay.features.inference.store import InferenceJobs
from assay.features.models.declared import RESERVED
from assay.kernel.errors import DataMissing
from assay.kernel.jobs.job import NewJob
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.storage.blobs import LocalBlobs
from assay.records import replace
from tests.features.inference.test_store import add, an_input, finished, new_job
from tests.support.store_rows import ORG

OUTPUT = InputOutput(
    name="results.json", media_type="application/json", size=12, inline='{"a":"<é>"}'
)


def succeeded(position: int, name: str, *outputs: InputOutput) -> Any:
    """Return an input with outputs."""
    return replace(finished(position, name), outputs=outputs or (OUTPUT,))


@pytest.fixture
def reader(store, clock, tmp_path) -> ResultReader:
    return ResultReader(store, LocalBlobs(tmp_path / "blobs"), clock)


def document(reader: ResultReader, job: InferenceJob) -> Any:
    """Return the results object of a job."""
    writer = DocumentWriter(reader, reader.results(ORG, job.job_id))
    return json.loads(b"".join(writer.whole()))


def test_a_job_that_runs_has_partial_results(store, reader) -> None:
    """What has finished is there, with the counts of that moment, and what finishes later is not."""
    with store.write() as uow:
        job = add(uow, "a", "b", "c", "d")
        uow[InferenceJobs].finish_inputs(
            ORG, job.job_id, [succeeded(2, "c"), finished(0, "a", "no text")]
        )
    found = reader.results(ORG, job.job_id)
    with store.write() as uow:
        uow[InferenceJobs].finish_inputs(ORG, job.job_id, [succeeded(1, "b")])
    before = json.loads(b"".join(DocumentWriter(reader, found).whole()))
    assert (before["total"], before["completed"], before["failed"]) == (4, 1, 1)
    assert (before["finished"], list(before["results"]), list(before["failures"])) == (
        False, ["c"], ["a"],
    )  # fmt: skip  # three
    assert before["failures"]["a"]["error"] == "no text"
    assert before["results"]["c"]["results.json"] == {"a": "<é>"}
    after = document(reader, job)
    assert (after["completed"], list(after["results"])) == (2, ["b", "c"])


def test_one_input_is_shown_before_it_has_finished(store, reader) -> None:
    """An input that waits or runs stands under results with its status and no end."""
    with store.write() as uow:
        job = add(uow, "a", "b")
        uow[InferenceJobs].start_inputs(ORG, job.job_id, [(1, 1)])
    shown = {}
    for name in "ab":
        found, row = reader.one(ORG, job.job_id, name)
        whole = json.loads(b"".join(DocumentWriter(reader, found).single(row)))
        assert whole["failures"] == {}
        shown[name] = whole["results"][name]
    assert [shown[name]["status"] for name in "ab"] == ["FETCHING_DATA", "PROCESSING"]
    assert ["startTime" in shown[name] for name in "ab"] == [False, True]
    assert not any("endTime" in one for one in shown.values())
    assert shown["a"]["elapsedTime"] == 0


def test_inputs_of_a_canceled_job_are_failures(store, reader) -> None:
    """Inputs that never ran stand under failures with the reason, and the job is finished."""
    with store.write() as uow:
        job = add(uow, "a", "b")
        uow[InferenceJobs].finish_inputs(ORG, job.job_id, [succeeded(0, "a")])
        settle(uow, uow[Jobs].request_cancel(ORG, job.job_id))
        rows = uow[InferenceResults].never_ran(ORG, job.job_id, limit=9)
        assert [read(row).name for row in rows] == ["b"]
        assert uow[InferenceResults].never_ran(ORG, job.job_id, after=1, limit=9) == []
    found = document(reader, job)
    assert (found["finished"], list(found["results"]), list(found["failures"])) == (
        True, ["a"], ["b"],
    )  # fmt: skip  # three
    assert "canceled" in found["failures"]["b"]["error"]
    assert found["failures"]["b"]["engine"] == ""


def test_large_outputs_are_parts_of_the_document(store, reader, tmp_path) -> None:
    """An output that rests as a blob is inlined in parts, and one that is no JSON is a URL."""
    text = json.dumps({"words": ["x" * 100] * 20_000})
    address = LocalBlobs(tmp_path / "blobs").put(ORG, text.encode())
    large = replace(OUTPUT, inline=None, blob=address, size=len(text))
    sound = replace(large, name="a b/ü.wav", media_type="audio/wav")
    with store.write() as uow:
        job = add(uow, "a/1", "b", "vote")
        uow[InferenceJobs].finish_inputs(
            ORG,
            job.job_id,
            [succeeded(0, "a/1", large, sound), succeeded(1, "b"), succeeded(2, "vote", sound)],
        )
    writer = DocumentWriter(reader, reader.results(ORG, job.job_id))
    parts = list(gathered(writer.whole()))
    assert max(map(len, parts)) < 3 * PART_BYTES
    assert len(parts) > 5
    shown = json.loads(b"".join(parts))["results"]
    assert shown["a/1"]["results.json"] == json.loads(text)
    assert shown["a/1"]["a b/ü.wav"] == f"/api/results/{job.job_id}/a%2F1/a%20b%2F%C3%BC.wav"
    path = f"/api/results/{job.job_id}/datasource/vote/output/a%20b%2F%C3%BC.wav"
    assert shown["vote"]["a b/ü.wav"] == path  # of which the short one is that of its votes
    assert list(shown) == ["a/1", "b", "vote"]
    assert b"".join(reader.data(ORG, job.job_id, large)) == text.encode()


def test_a_lost_output_is_told_as_the_jobs(store, reader, tmp_path) -> None:
    """An output whose file is gone names its job, and no blob."""
    gone = replace(OUTPUT, inline=None, blob="sha256:" + "0" * 64)
    with store.write() as uow:
        job = add(uow, "a")
        uow[InferenceJobs].finish_inputs(ORG, job.job_id, [succeeded(0, "a", gone)])
    document = DocumentWriter(reader, reader.results(ORG, job.job_id)).whole()
    for parts in (reader.data(ORG, job.job_id, gone), document):
        with pytest.raises(DataMissing) as refused:
            list(parts)
        whose = {"resource_type": "inference job", "resource_id": job.job_id}
        assert refused.value.published.metadata == whose


def test_a_document_of_many_inputs_is_written_page_by_page(store, reader) -> None:
    """The document of a thousand inputs has each once, in order, in parts that no input enlarges."""
    names = [f"input {at}" for at in range(1_000)]
    with store.write() as uow:
        job_id = uow[Jobs].submit(ORG, NewJob(kind=KIND, spec=b"{}")).job_id
        job = uow[InferenceJobs].create(ORG, job_id, new_job(), [an_input(name) for name in names])
        outcomes = [
            finished(at, name, "no") if at % 100 == 7 else succeeded(at, name)
            for at, name in enumerate(names)
        ]
        uow[InferenceJobs].finish_inputs(ORG, job_id, outcomes)
    writer = DocumentWriter(reader, reader.results(ORG, job_id))
    parts = list(gathered(writer.whole()))
    assert max(map(len, parts)) < 2 * PART_BYTES
    found = json.loads(b"".join(parts))
    failed = [name for at, name in enumerate(names) if at % 100 == 7]
    assert list(found["failures"]) == failed
    assert list(found["results"]) == [name for name in names if name not in failed]
    assert (found["completed"], found["failed"]) == (990, 10)
    assert found["totalModelLatency"] == 7 * 1_000
    assert found["averageModelLatency"] == 7
    assert job.total == 1_000


def test_an_input_is_written_as_its_view_says(store, reader, clock) -> None:
    """The keys of an input, and of a document, are those that the OpenAPI page describes."""
    with store.write() as uow:
        job = add(uow, "a", "b")
        clock.advance(2)
        results = [succeeded(0, "a"), finished(1, "b", "no")]
        late = [replace(one, started_at=job.created_at + timedelta(seconds=1.5)) for one in results]
        uow[InferenceJobs].finish_inputs(ORG, job.job_id, late)
    found = document(reader, job)
    assert list(found) == [one.encode_name for one in fields(ResultsView)]
    known = [one.encode_name for one in fields(InputResultView)]
    assert list(found["failures"]["b"]) == known
    assert set(known) == RESERVED
    assert list(found["results"]["a"]) == [
        *(name for name in known if name != "error"), "results.json",
    ]  # fmt: skip  # a list
    assert found["results"]["a"]["queueTime"] == 1500
    assert found["totalQueueTime"] == 3000
    assert found["initialQueueTime"] == 2000
    assert found["startingResultSummarizing"].endswith("+00:00")
