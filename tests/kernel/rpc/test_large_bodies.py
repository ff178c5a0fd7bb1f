"""Large JSON bodies, read in a process beside the server's."""

from __future__ import annotations

import asyncio
import time

import pytest
from google.api import httpbody_pb2

from assay.kernel.errors import InvalidArgument, RateLimited
from assay.kernel.identity import Principal
from assay.kernel.jobs.executors.process_pool import LocalPool
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.http_binding import RAW_BODY
from assay.kernel.rpc.large_bodies import PROCESS_BYTES, LargeBodies
from assay.kernel.rpc.request_reading import rest_request_of
from assay.kernel.threads import RunInThread
from assay.v1.evaluation_service_pb2 import EvaluateRowsRequest
from tests.support.rpc_service import CALLS

METHOD = CALLS["EvaluateRows"][0]
THREADS = RunInThread()
SENT = b'{"rows": [%s]}' % b", ".join([b'{"weight": 1}'] * (PROCESS_BYTES // 12))


def carried(body: bytes) -> bytes:
    """Return a request with a body as the gateway hands it over."""
    data = httpbody_pb2.HttpBody(data=body).SerializeToString()
    path = EvaluateRowsRequest(model_id="m", version_id="v").SerializeToString()
    return path + varint(RAW_BODY << 3 | 2) + varint(len(data)) + data


def varint(number: int) -> bytes:
    """Return a number as protobuf writes it."""
    found = []
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def call(organization_id: str = "a") -> Call:
    """Return a call of an organization."""
    who = Principal(organization_id=organization_id, subject="s", permissions=frozenset())
    return Call(method=METHOD, metadata={}, started=0, threads=THREADS, principal=who)


def test_a_large_body_costs_the_server_little(pool: LocalPool):
    """The process that serves spends a fraction of the time that reading the body takes."""
    data = carried(b'{"rows": [%s{"weight": "x"}]}' % (b'{"weight": 1},' * 100_000))
    costs, words = [], []
    for read in (
        lambda: asyncio.run(LargeBodies(pool).read(call(), data)),
        lambda: rest_request_of(METHOD, data, ""),
    ):
        began = time.process_time()
        with pytest.raises(InvalidArgument) as refused:
            read()
        costs.append(time.process_time() - began)
        words.append(str(refused.value))
    assert words[0] == words[1] == 'rows[100000].weight: "x" was sent where a number is allowed'
    assert costs[0] < costs[1] / 3


def test_what_calls_hold_of_large_bodies_is_bounded(pool: LocalPool):
    """An organization has room for two bodies, all for three; an ended call makes room."""
    data = carried(SENT)

    async def run() -> None:
        size = len(data)
        bodies = LargeBodies(pool, of_organization=2 * size, of_server=3 * size)
        first, again = call(), call()
        assert len((await bodies.read(first, data)).rows) == PROCESS_BYTES // 12
        await bodies.read(call(), data)
        with pytest.raises(RateLimited, match=f"hold {2 * size} bytes of large requests"):
            await bodies.read(again, data)
        await bodies.read(call("b"), data)
        with pytest.raises(RateLimited, match=f"{3 * size} for all organizations"):
            await bodies.read(call("c"), data)
        bodies.leave(first)
        assert await bodies.read(again, data) == rest_request_of(METHOD, data, "")

    asyncio.run(run())
