"""What a submit costs until it is durable, and until its first event is seen; and an idle service.

The peer of a submit is what cannot be saved: an empty call, and one fully synced commit of a row
in SQLite, on the same disk. Clocks are compared at one call at a time.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import harness
import processes

CALLS = 300
WARM_COMMITS = 1500  # until the write-ahead log is used again instead of growing
IDLE_SECONDS = 10.0
MAX_IDLE = 0.02  # of a core


def synced_commit(folder: Path) -> float:
    """Return the median seconds of one insert with synchronous=FULL in WAL mode."""
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE bare (id INTEGER PRIMARY KEY, value TEXT)")
    times = []
    for _ in range(WARM_COMMITS + CALLS):
        start = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO bare (value) VALUES (?)", ("x" * 200,))
        connection.execute("COMMIT")
        times.append(time.perf_counter() - start)
    connection.close()
    return statistics.median(times[WARM_COMMITS:])


async def clocks(service: processes.Service) -> tuple[float, float, float]:
    """Return median seconds of: an empty call, an acknowledged submit, submit to first event."""
    import grpc

    from assay.v1 import evaluation_service_pb2 as evaluations
    from assay.v1 import evaluation_service_pb2_grpc as evaluation_service
    from assay.v1 import job_service_pb2 as jobs
    from assay.v1 import job_service_pb2_grpc as job_service
    from assay.v1 import server_service_pb2 as info
    from assay.v1 import server_service_pb2_grpc as info_service

    key = (("authorization", f"Bearer {processes.SECRET}"),)
    request = evaluations.CreateEvaluationRequest(
        model_id="mdl-bench", version_id="ver-bench", dataset_split="test"
    )
    chunk, digest = one_row()
    empty, submitted, seen = [], [], []
    async with grpc.aio.insecure_channel(service.grpc) as channel:
        server = info_service.ServerServiceStub(channel)
        maker = evaluation_service.EvaluationServiceStub(channel)
        watcher = job_service.JobServiceStub(channel)
        for _ in range(CALLS):
            start = time.perf_counter()
            await server.GetServerInfo(info.GetServerInfoRequest())
            empty.append(time.perf_counter() - start)
            made = await maker.CreateEvaluation(request, metadata=key)
            upload = maker.UploadPredictions(metadata=key)
            await upload.write(
                evaluations.UploadPredictionsRequest(
                    evaluation_id=made.evaluation_id, sha256=digest, arrow=chunk
                )
            )
            await upload.done_writing()
            await upload.read()
            # All that happened so far; what comes after it is the runner's first sign.
            told = await watcher.GetJob(jobs.GetJobRequest(job_id=made.job_id), metadata=key)
            watch = watcher.WatchJob(
                jobs.WatchJobRequest(job_id=made.job_id, after_sequence=told.last_sequence),
                metadata=key,
            )
            await watch.read()  # the status so far: the watch is open
            finish = evaluations.FinishEvaluationRequest(evaluation_id=made.evaluation_id, rows=1)
            start = time.perf_counter()
            await maker.FinishEvaluation(finish, metadata=key)
            submitted.append(time.perf_counter() - start)
            await running(watch)
            seen.append(time.perf_counter() - start)
            watch.cancel()
    return statistics.median(empty), statistics.median(submitted), statistics.median(seen)


def one_row() -> tuple[bytes, bytes]:
    """Return a chunk of one row and its SHA-256."""
    import pyarrow as pa

    batch = pa.record_batch({"y_true": ["a"], "y_pred": ["a"]})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    data = sink.getvalue().to_pybytes()
    return data, hashlib.sha256(data).digest()


async def running(watch: Any) -> None:
    """Return when the watch tells that a runner has taken the job."""
    from assay.v1 import job_pb2

    while True:
        told = await watch.read()
        for event in told.events:
            changed = job_pb2.StateChanged()
            if event.payload.Unpack(changed) and changed.to == job_pb2.JOB_STATE_RUNNING:
                return


def idle_share(service: processes.Service) -> float:
    """Return the share of a core that the service's Python processes use while nobody calls."""
    pids = [pid for pid in processes.tree(service.pid) if pid != service.envoy]
    before = sum(map(processes.cpu_seconds, pids))
    time.sleep(IDLE_SECONDS)  # the time is what is measured
    return (sum(map(processes.cpu_seconds, pids)) - before) / IDLE_SECONDS


def main() -> int:
    """Print the ratios; 1 if a bar is missed."""
    from assay.client import Client

    limits = {f"rate_{kind}_per_minute": "1000000" for kind in ("read", "write", "stream")}
    with processes.service(**limits) as service:
        with Client(service.grpc, api_key=processes.SECRET) as client:
            client.models.create("Bench", "classification", model_id="mdl-bench")
            client.versions.create("mdl-bench", version_id="ver-bench")
        asyncio.run(clocks(service))
        commit = synced_commit(service.data)
        empty, submitted, seen = asyncio.run(clocks(service))
        idle = idle_share(service)
    missed = harness.report(
        "Submits",
        [
            harness.Ratio(
                name="submit until it is acknowledged",
                ours=submitted,
                peer=empty + commit,
                peer_name="empty call + synced commit",
                at_most=2.0,
            ),
            harness.Ratio(
                name="submit until a runner's first event is seen",
                ours=seen,
                peer=submitted,
                peer_name="the acknowledged submit",
                at_most=3.0,
            ),
        ],
    )
    print(f"\nIdle: {idle:.2%} of a core, bar < {MAX_IDLE:.0%}")
    return missed or int(idle >= MAX_IDLE)


if __name__ == "__main__":
    sys.exit(main())
