"""How fast rows come in and are measured: upload to SUCCEEDED, AUC and duplicate check included.

Rows have random ids of 32 hex digits, string labels whose dictionary order differs from batch to
batch, and distinct float64 scores. Chunks are encoded before the clock starts; client and service
share the machine. Memory is the proportional set size of server, runner and children above what
they hold when warm and idle.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import harness  # noqa: F401 — fixes the numeric environment before numpy is imported
import numpy as np
import processes
import pyarrow as pa

ROWS = 10_000_000
CHUNK_ROWS = 18_000
MIN_ROWS_PER_SECOND = 1_000_000
MAX_ADDED_MIB = 400
KEY = (("authorization", f"Bearer {processes.SECRET}"),)


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """One encoded chunk."""

    first_row: int
    rows: int
    data: bytes
    sha256: bytes


def chunks(rows: int, seed: int = 1) -> Iterator[Chunk]:
    """Yield `rows` rows as chunks of at most 1 MiB."""
    random = np.random.default_rng(seed)
    for first in range(0, rows, CHUNK_ROWS):
        count = min(CHUNK_ROWS, rows - first)
        ids = np.frombuffer(random.bytes(16 * count).hex().encode(), dtype="S32")
        true = random.integers(0, 2, count)
        scores = np.clip(random.normal(0.35 + 0.3 * true, 0.15), 0.0, 1.0)
        # Half of the batches name the labels in the other order.
        names = ["no", "yes"] if (first // CHUNK_ROWS) % 2 else ["yes", "no"]
        order = np.array([names.index("no"), names.index("yes")], np.int8)
        labels = pa.array(names)
        batch = pa.record_batch(
            {
                "row_id": pa.array(ids.astype("U32")),
                "y_true": pa.DictionaryArray.from_arrays(order[true], labels),
                "y_pred": pa.DictionaryArray.from_arrays(order[(scores > 0.5).view("i1")], labels),
                "score": scores,
            }
        )
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        data = sink.getvalue().to_pybytes()
        yield Chunk(first_row=first, rows=count, data=data, sha256=hashlib.sha256(data).digest())


async def upload(
    target: str, made: list[Chunk], *, positive_label: str = ""
) -> tuple[float, float]:
    """Upload and measure; return the seconds until the last acknowledgement, and until the end."""
    import grpc

    from assay.v1 import evaluation_service_pb2 as pb
    from assay.v1 import evaluation_service_pb2_grpc as pb_grpc
    from assay.v1 import job_pb2
    from assay.v1 import job_service_pb2 as jobs
    from assay.v1 import job_service_pb2_grpc as jobs_grpc

    async with grpc.aio.insecure_channel(target) as channel:
        stub = pb_grpc.EvaluationServiceStub(channel)
        watcher = jobs_grpc.JobServiceStub(channel)
        start = time.perf_counter()
        asked = pb.CreateEvaluationRequest(
            model_id="bench",
            version_id="bench-1",
            dataset_split="test",
            positive_label=positive_label,
        )
        opened = await stub.CreateEvaluation(asked, metadata=KEY)

        async def requests() -> AsyncIterator[pb.UploadPredictionsRequest]:
            for chunk in made:
                yield pb.UploadPredictionsRequest(
                    evaluation_id=opened.evaluation_id,
                    first_row=chunk.first_row,
                    sha256=chunk.sha256,
                    arrow=chunk.data,
                )

        async for _ in stub.UploadPredictions(requests(), metadata=KEY):
            pass
        uploaded = time.perf_counter() - start
        rows = sum(chunk.rows for chunk in made)
        finish = pb.FinishEvaluationRequest(evaluation_id=opened.evaluation_id, rows=rows)
        await stub.FinishEvaluation(finish, metadata=KEY)
        watch = watcher.WatchJob(jobs.WatchJobRequest(job_id=opened.job_id), metadata=KEY)
        async for told in watch:
            for event in told.events:
                changed = job_pb2.StateChanged()
                if event.payload.Unpack(changed):
                    ended = changed.to
        assert ended == job_pb2.JOB_STATE_SUCCEEDED, job_pb2.JobState.Name(ended)
        return uploaded, time.perf_counter() - start


async def observed(service: processes.Service, made: list[Chunk]) -> tuple[float, float, float]:
    """Upload while memory is looked at; return the seconds, and the greatest MiB seen."""
    greatest = 0.0
    done = asyncio.Event()

    async def look() -> None:
        nonlocal greatest
        while not done.is_set():
            pids = processes.python_processes(service)
            greatest = max(greatest, await asyncio.to_thread(processes.mebibytes, pids))
            await asyncio.sleep(0.2)  # memory tells nobody when it grows

    looking = asyncio.create_task(look())
    uploaded, ended = await upload(service.grpc, made, positive_label="yes")
    done.set()
    await looking
    return uploaded, ended, greatest


def main() -> int:
    """Print rates and memory; 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    rows = parser.parse_args().rows
    from assay.client import Client

    made = list(chunks(rows))
    with processes.service() as service:
        with Client(service.grpc, api_key=processes.SECRET) as client:
            client.models.create("Bench", "classification", model_id="bench")
            client.versions.create("bench", version_id="bench-1")
        asyncio.run(upload(service.grpc, made[:20], positive_label="yes"))
        idle = processes.mebibytes(processes.python_processes(service))
        before = processes.cpu_of_service(service)
        uploaded, ended, greatest = asyncio.run(observed(service, made))
        used = processes.cpu_of_service(service) - before
    rate, added = rows / ended, greatest - idle
    print(f"\nUploads of {rows:,} rows, {sum(len(c.data) for c in made) / rows:.0f} bytes each")
    print(f"  acknowledged after {uploaded:.2f} s, measured after {ended:.2f} s")
    print(f"  {rate:,.0f} rows/s, bar ≥ {MIN_ROWS_PER_SECOND:,}")
    print(f"  {used / rows * 1e6:.2f} CPU seconds of the service per million rows")
    print(
        f"  {added:.0f} MiB above the {idle:.0f} MiB of a warm, idle service, bar ≤ {MAX_ADDED_MIB}"
    )
    return int(rate < MIN_ROWS_PER_SECOND or added > MAX_ADDED_MIB)


if __name__ == "__main__":
    sys.exit(main())
