"""Kill -9 of the whole service while inference jobs run loses no input and tells none twice."""

from __future__ import annotations

import secrets
from pathlib import Path

import grpc
import pytest

from assay.features.inference.store import InferenceJobs
from assay.kernel.storage.blobs import open_blobs
from assay.kernel.storage.engine import sqlite_url
from assay.kernel.storage.store import open_store
from assay.learning.rows import TaskType
from assay.v1 import inference_job_pb2 as messages
from assay.v1 import inference_job_service_pb2 as pb
from assay.v1 import inference_job_service_pb2_grpc as stubs
from assay.v1 import job_service_pb2 as jobs
from assay.v1 import job_service_pb2_grpc as job_stubs
from tests.support.trained_versions import put_version
from tests.support.training_rows import texts
from tools import service as services

KEY = f"kill.{secrets.token_hex(16)}"
METADATA = (("authorization", f"ApiKey {KEY}"),)
TEXTS = [page[:400] for row in texts()["train"].to_pylist() for page in row["pages"]]
INPUTS = 3_000


def submission(model_id: str) -> pb.SubmitInferenceJobRequest:
    """Return a job of many texts, of which every hundredth is called wrongly."""
    inputs = []
    for at in range(INPUTS):
        one = messages.NewInferenceInput(name=f"input {at}")
        one.items["input.txt" if at % 100 else "wrong.txt"].text = TEXTS[at % len(TEXTS)]
        inputs.append(one)
    model = messages.InferenceModel(identifier=model_id)
    return pb.SubmitInferenceJobRequest(model=model, inputs=inputs)


def told_until(channel: grpc.Channel, job_id: str, after: int, count: int | None) -> list[int]:
    """Return the positions that a watch tells after a sequence, until so many, or the job's end."""
    watch = job_stubs.JobServiceStub(channel).WatchJob(
        jobs.WatchJobRequest(job_id=job_id, after_sequence=after), metadata=METADATA, timeout=60
    )
    found = []
    for batch in watch:
        for event in batch.events:
            one = messages.InferenceInputFinished()
            if event.payload.Unpack(one):
                found.append(one.position)
        if count is not None and len(found) >= count:
            watch.cancel()
            return found
    return found


@pytest.mark.slow
def test_a_service_killed_while_inputs_finish_loses_none(tmp_path: Path):
    """After two kills each input has its outcome and one event, and what was seen before has stayed."""
    service = services.start(tmp_path, ASSAY_BOOTSTRAP_KEY=KEY)
    store = open_store(sqlite_url(tmp_path))
    try:
        version = put_version(
            store, open_blobs(tmp_path / "blobs"), "default", TaskType.TEXT_CLASSIFICATION
        )
        with grpc.insecure_channel(service.grpc) as channel:
            submit = stubs.InferenceJobServiceStub(channel).SubmitInferenceJob
            job_id = submit(submission(version.model_id), metadata=METADATA).job_id
        seen: list[set[int]] = []
        for count in (50, 500):
            with grpc.insecure_channel(service.grpc) as channel:
                seen.append(set(told_until(channel, job_id, 0, count)))
                service.process.kill()
                service.process.wait()
                service.forget()
            with store.read() as uow:
                left = uow[InferenceJobs].get("default", job_id)
                rows = uow[InferenceJobs].inputs("default", job_id, limit=INPUTS)
            done = {row.position for row in rows if row.ended_at is not None}
            assert left.completed + left.failed == len(done)
            assert seen[-1] <= done
            service = services.start(tmp_path, ASSAY_BOOTSTRAP_KEY=KEY)
        with grpc.insecure_channel(service.grpc) as channel:
            told = told_until(channel, job_id, 0, None)
        assert sorted(told) == list(range(INPUTS))
        with store.read() as uow:
            ended = uow[InferenceJobs].get("default", job_id)
        assert (ended.status, ended.completed, ended.failed) == ("COMPLETED", INPUTS - 30, 30)
    finally:
        store.close()
        service.process.kill()
        service.process.wait()
        service.forget()
