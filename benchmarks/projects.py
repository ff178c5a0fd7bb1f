"""What the benchmarks of training share: projects on a running service, spoken to over gRPC."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
import processes
import pyarrow as pa

from assay.v1 import (
    dataset_service_pb2,
    dataset_service_pb2_grpc,
    evaluation_service_pb2,
    evaluation_service_pb2_grpc,
    job_service_pb2,
    job_service_pb2_grpc,
    model_service_pb2,
    model_service_pb2_grpc,
    training_pb2,
    training_service_pb2,
    training_service_pb2_grpc,
)

KEY = (("authorization", f"Bearer {processes.SECRET}"),)
PIECE = 1 << 20  # bytes of a file in one message
ARROW = "application/vnd.apache.arrow.stream"
TASKS = {"tabular_regression": "regression", "extraction": "extraction"}


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A job that has succeeded: its version, and how long it took from its submission."""

    job_id: str
    version_id: str
    seconds: float
    cpu: float  # seconds that server, runner and compute processes used meanwhile
    longest: float  # of them those of the process that used most
    epochs: tuple[float, ...] = ()  # when each epoch ended, in Unix seconds
    trials: tuple[float, ...] = ()  # and each trial


@dataclass(kw_only=True)
class Project:
    """A model and a dataset of one task type on a service."""

    service: processes.Service
    channel: grpc.Channel
    name: str
    task_type: str
    dataset_id: str = ""
    model_id: str = ""
    path: str = field(init=False)

    def __post_init__(self) -> None:
        self.path = f"bench/{self.name}"
        self.datasets = dataset_service_pb2_grpc.DatasetServiceStub(self.channel)
        self.jobs = training_service_pb2_grpc.TrainingServiceStub(self.channel)
        self.watches = job_service_pb2_grpc.JobServiceStub(self.channel)
        self.evaluations = evaluation_service_pb2_grpc.EvaluationServiceStub(self.channel)
        models = model_service_pb2_grpc.ModelServiceStub(self.channel)
        made = models.CreateModel(
            model_service_pb2.CreateModelRequest(
                name=self.name,
                task_type=TASKS.get(self.task_type, "classification"),
                project_path=self.path,
            ),
            metadata=KEY,
        )
        self.model_id = made.model_id
        asked = dataset_service_pb2.CreateDatasetRequest(name=self.name, task_type=self.task_type)
        self.dataset_id = self.datasets.CreateDataset(asked, metadata=KEY).dataset_id

    def upload(self, split: str, file: Iterable[bytes], content_type: str = ARROW) -> float:
        """Store a split; return the seconds that it took."""

        def requests() -> Iterator[dataset_service_pb2.UploadSplitRequest]:
            asked = dataset_service_pb2.UploadSplitRequest(
                dataset_id=self.dataset_id, split=split, no_wait=True
            )
            asked.file.content_type = content_type
            yield asked
            for data in file:
                piece = dataset_service_pb2.UploadSplitRequest()
                piece.file.data = data
                yield piece

        start = time.perf_counter()
        job_id = self.datasets.UploadSplit(requests(), metadata=KEY).job_id
        for _ in self._watched(job_id):
            pass
        return time.perf_counter() - start

    def run(self, job_type: str, hyperparams: Mapping[str, Any] = {}, **fields: Any) -> Ended:
        """Run a job of the model to its end; raises RuntimeError when it fails."""
        asked = training_service_pb2.SubmitModelJobRequest(
            job_type=job_type, model_project_path=self.path, dataset_id=self.dataset_id, **fields
        )
        asked.hyperparams.update(hyperparams)
        before, start = processes.cpu_times(self.service), time.perf_counter()
        job = self.jobs.SubmitModelJob(asked, metadata=KEY)
        epochs, trials = [], []
        for event in self._watched(job.job_id):
            at = event.at.ToMicroseconds() / 1e6
            if event.payload.Is(training_pb2.EpochFinished.DESCRIPTOR):
                epochs.append(at)
            elif event.payload.Is(training_pb2.TrialFinished.DESCRIPTOR):
                trials.append(at)
        seconds = time.perf_counter() - start
        now = processes.cpu_times(self.service)
        used = [seconds - before.get(pid, 0.0) for pid, seconds in now.items()]
        asked = training_service_pb2.GetModelJobRequest(job_id=job.job_id)
        ended = self.jobs.GetModelJob(asked, metadata=KEY)
        if ended.status != "OK":
            raise RuntimeError(ended.msg)
        return Ended(
            job_id=job.job_id,
            version_id=ended.version_id,
            seconds=seconds,
            cpu=sum(used),
            longest=max(used),
            epochs=tuple(epochs),
            trials=tuple(trials),
        )

    def artifact(self, version_id: str) -> bytes:
        """Return the artifact of a version."""
        asked = training_service_pb2.GetVersionArtifactRequest(
            model_id=self.model_id, version_id=version_id
        )
        return b"".join(one.data for one in self.jobs.GetVersionArtifact(asked, metadata=KEY))

    def result_hashes(self, version_id: str) -> dict[str, str]:
        """Return the hashes of a version's evaluations, by split; of each split the newest."""
        asked = evaluation_service_pb2.ListEvaluationsRequest(
            model_id=self.model_id, version_id=version_id
        )
        found: dict[str, str] = {}
        for one in self.evaluations.ListEvaluations(asked, metadata=KEY).evaluations:
            found.setdefault(one.dataset_split, one.result_hash)
        return found

    def _watched(self, job_id: str) -> Iterator[Any]:
        asked = job_service_pb2.WatchJobRequest(job_id=job_id)
        for told in self.watches.WatchJob(asked, metadata=KEY):
            yield from told.events


def channel_of(service: processes.Service) -> grpc.Channel:
    """Return a channel to a service."""
    return grpc.insecure_channel(service.grpc, [("grpc.max_receive_message_length", 64 << 20)])


def arrow_file(batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """Yield batches as an Arrow stream, in pieces; one batch at a time is in memory."""
    sink = _Pieces()
    writer = None
    for batch in batches:
        writer = writer or pa.ipc.new_stream(pa.PythonFile(sink, "w"), batch.schema)
        writer.write_batch(batch)
        yield from sink.taken()
    if writer is not None:
        writer.close()
    yield from sink.taken()


class _Pieces:
    """A file that is written to, and given away as it fills."""

    closed = False

    def __init__(self) -> None:
        self._held = bytearray()

    def write(self, data: bytes) -> int:
        self._held += data
        return len(data)

    def flush(self) -> None:
        """Do nothing: what is held is taken."""

    def taken(self) -> Iterator[bytes]:
        data, self._held = bytes(self._held), bytearray()
        for start in range(0, len(data), PIECE):
            yield data[start : start + PIECE]
