"""Inference jobs: many small texts against bare predictions and commits, and the first result.

The peer of a thousand texts is what cannot be saved: the model's own prediction of all of them at
once, and a thousand commits of one row each to the same store. The peer of the first result on an
idle service is one prediction and a submission without inputs, which opens a job.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import harness
import processes

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pyarrow as pa

from assay.features.registry import FEATURES
from assay.kernel.feature import kinds_of, preload_of
from assay.learning.rows import TaskType, canonical_schema
from tests.support.trained_versions import model_of, put_version
from tools.demo.languages import language_records

ORGANIZATION = "bench"
TASK = TaskType.TEXT_CLASSIFICATION
INPUTS = 1_000
RUNS = 5
FIRSTS = 30  # submissions of one input, one at a time
MOST_OF_MANY = 1.5
MOST_OF_FIRST = 5.0


def sentences() -> list[str]:
    """Return small texts."""
    found = [one.text for one in language_records("test", per_language=300)]
    return [found[at % len(found)][:200] for at in range(INPUTS)]


class Site:
    """A store with a version of texts, and a runner on two processes."""

    def __init__(self, folder: Path) -> None:
        from assay.kernel.jobs.executors.process_pool import LocalPool
        from assay.kernel.jobs.runner import Runner
        from assay.kernel.storage.blobs import open_blobs
        from assay.kernel.storage.store import open_store

        self.store = open_store(f"sqlite:///{folder}/assay.db", upgrade=True)
        self.blobs = open_blobs(folder / "blobs")
        self.version = put_version(self.store, self.blobs, ORGANIZATION, TASK)
        self._ended = threading.Event()
        self._pool = LocalPool(workers=2, preload=preload_of(FEATURES))
        self._pool.warm_up()
        self._runner = Runner(
            self.store,
            blobs=self.blobs,
            executor=self._pool,
            kinds=kinds_of(FEATURES),
            listener=lambda signal: self._ended.set() if signal.what == "ended" else None,
        )
        self._runner.start()
        self._texts = sentences()

    def run(self) -> None:
        """Submit the texts, and wait until all of them have their results."""
        from assay.features.inference.model import InputType, ItemForm
        from assay.features.inference.store import InferenceJobs
        from assay.features.inference.submission_service import (
            InferenceRequest,
            InferenceSubmissions,
            SentInput,
            SentItem,
        )
        from assay.kernel.clock import Clock
        from assay.kernel.sealing import Sealer

        inputs = tuple(
            SentInput(
                name=f"text {at}",
                items=(SentItem(name="input.txt", form=ItemForm.TEXT, data=text.encode()),),
            )
            for at, text in enumerate(self._texts)
        )
        self._ended.clear()
        request = InferenceRequest(
            model_id=self.version.model_id, input_type=InputType.TEXT, inputs=inputs
        )
        submissions = InferenceSubmissions(
            self.store, self.blobs, Clock(), sealer=Sealer.of("bench")
        )
        made = submissions.submit(ORGANIZATION, request)
        self._ended.wait()
        with self.store.read() as uow:
            job = uow[InferenceJobs].get(ORGANIZATION, made.job_id)
        assert (job.status, job.completed) == ("COMPLETED", INPUTS), job

    def bare(self) -> None:
        """Predict the texts at once, and commit a row a thousand times."""
        from assay.kernel.storage.requests import Requests

        model_of(TASK).predict(rows_of(self._texts))
        mark = time.time_ns()
        for at in range(INPUTS):
            with self.store.write() as uow:
                uow[Requests].record(
                    ORGANIZATION, "bare", f"{mark}-{at}", body_hash="x" * 64, resource_id="x" * 100
                )

    def close(self) -> None:
        """Stop everything."""
        self._runner.stop()
        self._pool.close()
        self.store.close()


def rows_of(texts: list[str]) -> pa.RecordBatch:
    """Return texts as canonical rows."""
    columns = {"row_id": [str(at) for at in range(len(texts))], "pages": [[one] for one in texts]}
    schema = canonical_schema(TASK, answers=False)
    return pa.RecordBatch.from_pydict(columns, schema=schema)


@contextmanager
def site() -> Iterator[Site]:
    """Open a site in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as folder:
        made = Site(Path(folder))
        try:
            yield made
        finally:
            made.close()


def many() -> harness.Ratio:
    """Return a thousand texts as a job against bare predictions and commits."""
    with site() as one:
        ours, peer = harness.alternate(one.run, one.bare, runs=RUNS)
    return harness.Ratio(
        name=f"{INPUTS} small texts, from the submission to the end",
        ours=ours,
        peer=peer,
        peer_name=f"one batched prediction and {INPUTS} bare commits",
        at_most=MOST_OF_MANY,
    )


def first() -> harness.Ratio:
    """Return the first result of an idle service against one prediction and an empty submission."""
    with processes.service() as service:
        ours, peer = _firsts(service)
    return harness.Ratio(
        name="the first result on an idle service",
        ours=ours,
        peer=peer,
        peer_name="one prediction and an empty submission",
        at_most=MOST_OF_FIRST,
    )


def _firsts(service: processes.Service) -> tuple[float, float]:
    import grpc

    from assay.kernel.storage.blobs import open_blobs
    from assay.kernel.storage.store import open_store
    from assay.v1 import inference_job_pb2 as messages
    from assay.v1 import inference_job_service_pb2 as requests
    from assay.v1 import inference_job_service_pb2_grpc as stubs
    from assay.v1 import job_service_pb2 as jobs
    from assay.v1 import job_service_pb2_grpc as job_stubs

    store = open_store(f"sqlite:///{service.data}/assay.db")
    version = put_version(store, open_blobs(service.data / "blobs"), "default", TASK)
    store.close()
    key = (("authorization", f"Bearer {processes.SECRET}"),)
    model = messages.InferenceModel(identifier=version.model_id)
    texts = sentences()
    rows = rows_of(texts[:1])
    with grpc.insecure_channel(service.grpc) as channel:
        submit = stubs.InferenceJobServiceStub(channel).SubmitInferenceJob
        watch = job_stubs.JobServiceStub(channel).WatchJob

        def one_result(text: str) -> Any:
            """Return the stream of a job's events, once its input has a result."""
            one = messages.NewInferenceInput(name="text")
            one.items["input.txt"].text = text
            request = requests.SubmitInferenceJobRequest(model=model, inputs=[one])
            made = submit(request, metadata=key)
            stream: Any = watch(jobs.WatchJobRequest(job_id=made.job_id), metadata=key)
            for told in stream:
                if any(event.kind == "input" for event in told.events):
                    break
            return stream

        def peer() -> None:
            model_of(TASK).predict(rows)
            submit(requests.SubmitInferenceJobRequest(model=model), metadata=key)

        ours_seconds, peer_seconds = [], []
        for at in range(FIRSTS + 3):
            start = time.perf_counter()
            events = one_result(texts[at])
            ours_seconds.append(time.perf_counter() - start)
            for _ in events:
                pass  # until the job has ended: what is left of it slows nothing that is measured
            peer_seconds.append(harness.seconds(peer))
    return statistics.median(ours_seconds[3:]), statistics.median(peer_seconds[3:])


def main() -> int:
    """Print the ratios; 1 if a bar is missed."""
    return harness.report("Inference jobs", [many(), first()])


if __name__ == "__main__":
    sys.exit(main())
