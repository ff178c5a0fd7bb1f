"""Outputs that stay readable, and those of almost the size that their version declares."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest

from assay.features.inference.model import InferenceInput, InputState, InputType, ItemForm
from assay.features.inference.results_service import ResultReader
from assay.features.inference.store import InferenceJobs
from assay.features.inference.submission_service import (
    InferenceRequest,
    InferenceSubmissions,
    SentInput,
    SentItem,
)
from assay.features.models.declared import DEFAULT_MAXIMUM_SIZE
from assay.features.models.store import Models
from assay.features.models.versions_store import Versions
from assay.kernel.clock import Clock
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.sealing import Sealer
from assay.kernel.storage.blob_references import BlobReferences
from assay.learning.rows import TaskType
from assay.records import sha256_hex
from tests.fixtures.jobs import ORG, JobHarness
from tests.support.chunk_sender import Sender
from tests.support.rpc_service import Running
from tests.support.trained_versions import put_version

MIB = 1024**2


def read(harness: JobHarness, job_id: str) -> dict[str, tuple[InferenceInput, bytes]]:
    """Return the inputs of a job by name, with the bytes of their outputs."""
    reader = ResultReader(harness.store, harness.blobs, Clock())
    with harness.store.read() as uow:
        inputs = uow[InferenceJobs].inputs(ORG, job_id, limit=9)
    return {one.name: (one, b"".join(reader.data(ORG, job_id, one.outputs[0]))) for one in inputs}


def test_outputs_stay_when_what_they_were_made_of_is_gone(harness: JobHarness) -> None:
    """After the deletion of model and version, and a collection of all that nothing names."""
    version = put_version(harness.store, harness.blobs, ORG, TaskType.TEXT_CLASSIFICATION)
    sent = {"small": "so it goes", "large": " ".join(f"word{at}" for at in range(9_000))}
    inputs = tuple(
        SentInput(
            name=name,
            items=(SentItem(name="input.txt", form=ItemForm.TEXT, data=text.encode()),),
        )
        for name, text in sent.items()
    )
    request = InferenceRequest(
        model_id=version.model_id, input_type=InputType.TEXT, inputs=inputs, explain=True
    )
    submissions = InferenceSubmissions(
        harness.store, harness.blobs, Clock(), sealer=Sealer.of("tests")
    )
    made = submissions.submit(ORG, request)
    with harness.store.read() as uow:
        job = uow[Jobs].get(ORG, made.job_id)
    harness.runner()
    harness.signals.wait("ended", job)
    before = read(harness, made.job_id)
    assert [one.outputs[0].blob is None for one, _ in before.values()] == [True, False]
    with harness.store.write() as uow:
        uow[Versions].delete(ORG, version.model_id, version.version_id)
        uow[Models].delete(ORG, version.model_id)
    with harness.store.read() as uow:
        kept = uow[BlobReferences].every() - {(ORG, version.artifact.blob)}
    assert len(kept) == 1  # the large output alone, and nothing of what was sent
    harness.blobs.collect(kept, Clock().now() + timedelta(days=2))
    assert read(harness, made.job_id) == before
    assert json.loads(before["large"][1])["explanation"]["wordImportances"]


@pytest.fixture
def sender(rpc: Running, rpc_web) -> Iterator[Sender]:
    caller = rpc.organization(f"outputs-{uuid4().hex}")
    backend = rpc.backend
    version = put_version(
        backend.store, backend.blobs, caller.organization, TaskType.TEXT_CLASSIFICATION
    )
    with rpc_web(caller) as web:
        yield Sender(rpc, caller, web, version)


def long_words(characters: int) -> bytes:
    """Return ten words of three bytes a character; an explanation has each three times."""
    return b" ".join(chr(0x4E00 + at).encode() * (characters // 10) for at in range(10))


@pytest.mark.slow  # texts of 26 MB, whose outputs have 100
def test_an_output_of_almost_the_declared_size_is_whole(sender: Sender) -> None:
    """One below the limit is downloaded and in the document to the byte; one above fails its input."""
    job = sender.opened(explain=True)
    for name, characters in (("below", 8_737_000), ("above", 8_740_000)):
        data = long_words(characters)
        for first in range(0, len(data), 8 * MIB):
            path = f"{job}/{name}/input.txt"
            assert sender.send(path, data[first : first + 8 * MIB]).status_code == 200
    ended = sender.close(job)
    assert (ended["status"], ended["completed"], ended["failed"]) == ("COMPLETED", 1, 1)
    job_id = job.rpartition("/")[2]
    with sender.rpc.backend.store.read() as uow:
        below, above = sorted(
            uow[InferenceJobs].inputs(sender.caller.organization, job_id, limit=9),
            key=lambda one: one.state,
            reverse=True,
        )
    assert (below.state, above.state) == (InputState.SUCCESSFUL, InputState.FAILED)
    assert f"at most {DEFAULT_MAXIMUM_SIZE}" in (above.error or "")
    (output,) = below.outputs
    assert 0.99 * DEFAULT_MAXIMUM_SIZE < output.size <= DEFAULT_MAXIMUM_SIZE
    with sender.web.stream("GET", f"/api/results/{job_id}/below/results.json") as answer:
        downloaded = b"".join(answer.iter_bytes())
    assert f"sha256:{sha256_hex(downloaded)}" == output.blob
    with sender.web.stream("GET", f"/api/results/{job_id}") as answer:
        document = b"".join(answer.iter_bytes())
    assert document.count(downloaded) == 1
