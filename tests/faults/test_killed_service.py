"""Kill -9 of the whole service between any two chunks, and after the finish, changes nothing."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

import grpc
import numpy as np
import pyarrow as pa
import pytest

from assay.v1 import evaluation_pb2, job_pb2, job_service_pb2, job_service_pb2_grpc
from assay.v1 import evaluation_service_pb2 as pb
from assay.v1 import evaluation_service_pb2_grpc as pb_grpc
from assay.v1 import model_service_pb2 as models
from assay.v1 import model_service_pb2_grpc as models_grpc
from assay.v1 import version_service_pb2 as versions
from assay.v1 import version_service_pb2_grpc as versions_grpc
from tools import service as services

KEY = f"kill.{secrets.token_hex(16)}"
METADATA = (("authorization", f"ApiKey {KEY}"),)
ROWS = 500  # of one chunk
CHUNKS = 4


def chunks() -> list[bytes]:
    """Return the same chunks every time: labels, three columns of scores, row ids."""
    random = np.random.default_rng(7)
    made = []
    for index in range(CHUNKS):
        scores = random.dirichlet(np.ones(3), ROWS)
        batch = pa.record_batch(
            {
                "row_id": [f"row-{index * ROWS + row}" for row in range(ROWS)],
                "y_true": [f"c{code}" for code in random.integers(0, 3, ROWS)],
                "y_pred": [f"c{code}" for code in scores.argmax(axis=1)],
                **{f"score:c{code}": scores[:, code] for code in range(3)},
            }
        )
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        made.append(sink.getvalue().to_pybytes())
    return made


def _state(event: job_pb2.JobEvent) -> job_pb2.StateChanged:
    """Return the change of state that an event tells."""
    state = job_pb2.StateChanged()
    assert event.payload.Unpack(state)
    return state


class House:
    """One data folder, and the service that now runs on it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._service: services.Service | None = None
        self._channel: grpc.Channel | None = None
        self.start()

    def start(self) -> None:
        """Start the service and connect to it."""
        self._service = services.start(self._folder, ASSAY_BOOTSTRAP_KEY=KEY)
        self._channel = grpc.insecure_channel(self._service.grpc)
        self.evaluations = pb_grpc.EvaluationServiceStub(self._channel)
        self.jobs = job_service_pb2_grpc.JobServiceStub(self._channel)
        self.models = models_grpc.ModelServiceStub(self._channel)
        self.versions = versions_grpc.VersionServiceStub(self._channel)

    def kill(self) -> None:
        """Kill -9, as a power cut would; its children must not outlive it."""
        assert self._service is not None and self._channel is not None
        self._channel.close()
        self._service.process.kill()
        self._service.process.wait()
        self._service.forget()

    def restart(self) -> None:
        """Kill it and start it anew on the same folder."""
        self.kill()
        self.start()

    def open(self) -> evaluation_pb2.Evaluation:
        """Open an upload."""
        asked = pb.CreateEvaluationRequest(model_id="m", version_id="v", dataset_split="test")
        return self.evaluations.CreateEvaluation(asked, metadata=METADATA)

    def send(self, evaluation_id: str, index: int) -> int:
        """Send one chunk on a stream of its own and return where the upload stands."""
        data = chunks()[index]
        request = pb.UploadPredictionsRequest(
            evaluation_id=evaluation_id,
            first_row=index * ROWS,
            sha256=hashlib.sha256(data).digest(),
            arrow=data,
        )
        (answer,) = self.evaluations.UploadPredictions(iter([request]), metadata=METADATA)
        return int(answer.next_row)

    def finish(self, evaluation_id: str) -> str:
        """Finish the upload and return its job."""
        asked = pb.FinishEvaluationRequest(evaluation_id=evaluation_id, rows=CHUNKS * ROWS)
        return self.evaluations.FinishEvaluation(asked, metadata=METADATA).job_id

    def result(self, evaluation_id: str, job_id: str) -> tuple[list[int], str]:
        """Watch the job to its end; return its sequences and the hash of the result."""
        watch = self.jobs.WatchJob(
            job_service_pb2.WatchJobRequest(job_id=job_id), metadata=METADATA, timeout=60
        )
        events = [event for batch in watch for event in batch.events]
        assert _state(events[-1]).to == job_pb2.JOB_STATE_SUCCEEDED
        asked = pb.GetEvaluationRequest(evaluation_id=evaluation_id)
        stored = self.evaluations.GetEvaluation(asked, metadata=METADATA)
        return [event.sequence for event in events], stored.result_hash


@pytest.fixture
def house(tmp_path: Path):
    """A house with one model and one version."""
    house = House(tmp_path)
    house.models.CreateModel(
        models.CreateModelRequest(name="m", model_id="m", task_type="classification"),
        metadata=METADATA,
    )
    house.versions.CreateVersion(
        versions.CreateVersionRequest(model_id="m", version_id="v"), metadata=METADATA
    )
    yield house
    house.kill()


@pytest.mark.slow
def test_a_service_killed_between_chunks_and_after_the_finish_loses_nothing(house: House):
    """Every acknowledged chunk survives kill -9, and the result is the same to the byte."""
    calm = house.open()
    for index in range(CHUNKS):
        house.send(calm.evaluation_id, index)
    _, expected = house.result(calm.evaluation_id, house.finish(calm.evaluation_id))

    rough = house.open()
    for index in range(CHUNKS):
        house.restart()
        asked = pb.GetEvaluationRequest(evaluation_id=rough.evaluation_id)
        stored = house.evaluations.GetEvaluation(asked, metadata=METADATA)
        assert stored.next_row == index * ROWS
        assert house.send(rough.evaluation_id, index) == (index + 1) * ROWS
    job_id = house.finish(rough.evaluation_id)
    house.restart()
    sequences, found = house.result(rough.evaluation_id, job_id)

    assert sequences == list(range(1, len(sequences) + 1))
    assert found == expected
