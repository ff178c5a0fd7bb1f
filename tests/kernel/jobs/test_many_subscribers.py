"""Five hundred subscribers of one job on one server, and one that never reads."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import grpc

from assay.kernel.jobs.watch import Batch
from assay.v1 import job_service_pb2
from assay.v1.job_service_pb2_grpc import JobServiceStub
from tests.features.jobs.test_watch import Writer, flat, told
from tests.support.rpc_service import Caller, Running, message

SUBSCRIBERS = 500
CHANNELS = 5
COMMITS = [3, 1, 4, 1, 5, 9, 2, 6] * 8  # events of each
PATIENCE = 100.0
NARROW = (  # so that a stream that nobody reads is full after a few messages
    ("grpc.http2.lookahead_bytes", 1024),
    ("grpc.http2.bdp_probe", 0),
    ("grpc.use_local_subchannel_pool", 1),
)


async def heard(stub: JobServiceStub, me: Caller, job_id: str, ready: asyncio.Queue[None]) -> Any:
    """Return the sequences that one subscriber hears, to the end of its stream."""
    request = job_service_pb2.WatchJobRequest(job_id=job_id)
    sequences: list[int] = []
    async for reply in stub.WatchJob(request, metadata=me.metadata):
        if not sequences:
            ready.put_nowait(None)
        sequences += [event.sequence for event in reply.events]
    return sequences


async def crowd(port: int, me: Caller, writer: Writer) -> list[list[int]]:
    """Subscribe all, then write; return what each was told."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [
        grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) for _ in range(CHANNELS)
    ]
    stubs = [JobServiceStub(channel) for channel in channels]
    ready: asyncio.Queue[None] = asyncio.Queue()
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(heard(stubs[number % CHANNELS], me, writer.job.job_id, ready))
            for number in range(SUBSCRIBERS)
        ]
        for _ in range(SUBSCRIBERS):
            await ready.get()
        await asyncio.to_thread(writer.run, COMMITS)
    for channel in channels:
        await channel.close()
    return [task.result() for task in tasks]


def test_five_hundred_subscribers_hear_every_event_whatever_one_of_them_does(
    rpc: Running, me: Caller
):
    """Each of 500 hears all events in order, once; a stalled one slows nobody and holds little."""
    writer = Writer(rpc, me)
    last = sum(COMMITS) + 2
    with grpc.insecure_channel(f"127.0.0.1:{rpc.port}", options=NARROW) as channel:
        stalled = Caller(channel, me.credential, me.organization).begin(
            "WatchJob", message("WatchJob", job_id=writer.job.job_id), timeout=PATIENCE
        )
        everyone = asyncio.run(crowd(rpc.port, me, writer))
        assert len(everyone) == SUBSCRIBERS
        assert {tuple(one) for one in everyone} == {tuple(range(1, last + 1))}

        gc.collect()
        kept = [one for one in gc.get_objects() if isinstance(one, Batch)]
        assert sum(len(batch.events) for batch in kept) <= last  # of the stalled one alone
        assert len(kept) <= 3
        assert flat(told(stalled)) == list(range(1, last + 1))
