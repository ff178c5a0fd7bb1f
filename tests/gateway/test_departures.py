"""A gateway before two servers."""

import pytest

from assay.gateway import process as gateways
from tests.fixtures.gateway import http_client, settings
from tests.support.upstream import Upstream


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
    assert {client.get("/api/v1/models/m").status_code for _ in range(30)} == {200}


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
