"""Servers that leave: what a gateway before two of them does with reads and writes."""

from __future__ import annotations

import itertools
import signal
import threading
import urllib.request
from collections import Counter
from contextlib import closing
from http.client import HTTPConnection
from typing import Self

import pytest

from assay.gateway import process as gateways
from tests.fixtures.gateway import http_client, settings
from tests.support.servers import ServedProcess
from tests.support.upstream import Upstream

CALLERS = 8
KEY = "boot.0123456789abcdefghijklmnop"


@pytest.fixture
def pair():
    """Two servers, and a client of a gateway that knows both."""
    with Upstream().running() as first, Upstream().running() as second:
        ports = (first.port, second.port)
        running = gateways.start(
            settings(upstreams=tuple(f"127.0.0.1:{port}" for port in ports), access_log="/dev/null")
        )
        with http_client(running) as client:
            yield first, second, client
        running.stop(0)


def test_reads_go_to_another_server_when_one_is_leaving(pair):
    """A read that one server refuses as unavailable is answered by the other."""
    first, _, client = pair
    first.models.refuses = True
    assert {client.get("/api/v1/models/m").status_code for _ in range(300)} == {200}


def test_writes_are_never_sent_twice(pair):
    """A write that a server refuses as unavailable is told to the caller, who may repeat it."""
    first, second, client = pair
    first.models.refuses = second.models.refuses = True
    response = client.post("/api/v1/models", json={"name": "n"})
    assert (response.status_code, response.json()["retryable"]) == (503, True)


def test_a_dead_server_is_not_asked():
    """With one of two servers down, every call is answered by the other."""
    with Upstream().running() as alive:
        running = gateways.start(
            settings(upstreams=("127.0.0.1:1", f"127.0.0.1:{alive.port}"), access_log="/dev/null")
        )
        with http_client(running) as client:
            codes = [client.post("/api/v1/models", json={"name": "n"}) for _ in range(20)]
        running.stop(0)
    assert {response.status_code for response in codes} == {201}


class Readers:
    """Callers who read one listing again and again, each on a connection of its own."""

    def __init__(self, port: int) -> None:
        self._port, self._stop = port, threading.Event()
        self.statuses: Counter[int] = Counter()
        self._threads = [threading.Thread(target=self._read) for _ in range(CALLERS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _read(self) -> None:
        seen: Counter[int] = Counter()
        headers = {"authorization": f"ApiKey {KEY}"}
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=30)) as connection:
            while not self._stop.is_set():
                connection.request("GET", "/api/v1/models", headers=headers)
                with connection.getresponse() as response:
                    response.read()
                seen[response.status] += 1
        self.statuses.update(seen)


def wait_for_healthy(gateway: gateways.RunningGateway, count: int) -> None:
    """Return once the gateway finds so many servers healthy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    url = f"http://127.0.0.1:{gateway.admin_port}/clusters"
    healthy = 0
    while healthy < count:
        with opener.open(url) as reply:
            healthy = reply.read().count(b"health_flags::healthy")


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("number", "settings_of_servers"),
    [
        pytest.param(signal.SIGTERM, {}, id="with notice"),
        pytest.param(signal.SIGTERM, {"ASSAY_DRAIN_SECONDS": "0"}, id="at once"),
        pytest.param(signal.SIGKILL, {}, id="killed"),
    ],
)
def test_no_read_fails_while_servers_leave(tmp_path, number, settings_of_servers):
    """Whether a server says that it leaves, leaves at once or is killed, every read is answered."""
    variables = {"ASSAY_BOOTSTRAP_KEY": KEY, **settings_of_servers}
    servers = [ServedProcess(tmp_path, **variables) for _ in range(2)]
    servers[0].migrate()
    for server in servers:
        server.start()
    addresses = tuple(f"127.0.0.1:{server.port}" for server in servers)
    running = gateways.start(settings(upstreams=addresses, access_log=str(tmp_path / "access.log")))
    try:
        wait_for_healthy(running, 2)
        with Readers(running.http_port) as readers:
            for server in itertools.islice(itertools.cycle(servers), 20):
                server.leave(number)
                server.start()
                wait_for_healthy(running, 2)
    finally:
        running.stop(0)
        for server in servers:
            server.leave(signal.SIGKILL)
    assert set(readers.statuses) == {200}, readers.statuses
    assert readers.statuses[200] > 2000
