"""Nobody stops the service for others: strangers, floods, slow senders and odd requests.

The attacks are bounded and speak raw HTTP/2 with answers to every PING; the long forms with the
numbers of real ones are slow tests.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path

import grpc
import httpx
import pytest

from assay.kernel.rpc.open_services import HEALTH_WATCHES
from assay.kernel.rpc.patience import STRANGER_SECONDS, STRANGERS
from tests.support.http2_frames import Connection, connected, grpc_headers, message
from tests.support.rpc_service import Caller
from tools import service as services

GET_MODEL = "/assay.v1.ModelService/GetModel"
PATIENCE = 20.0


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[services.Service]:
    """A service of its own, so that no other test meets what is left of an attack."""
    many = "1000000"
    running = services.start(
        tmp_path_factory.mktemp("attacked"),
        ASSAY_MAX_WATCHES="5",
        ASSAY_RATE_FAILED_PER_MINUTE="30",
        ASSAY_RATE_READ_PER_MINUTE=many,
        ASSAY_RATE_STREAM_PER_MINUTE=many,
        ASSAY_RATE_WRITE_PER_MINUTE=many,
    )
    yield running
    assert running.stop() == []


@pytest.fixture
def honest(attacked: services.Service) -> Iterator[httpx.Client]:
    """A client with a credential."""
    headers = {"authorization": f"ApiKey {attacked.key}"}
    with httpx.Client(
        base_url=attacked.rest, headers=headers, trust_env=False, timeout=PATIENCE
    ) as client:
        yield client


def port_of(service: services.Service, which: str) -> int:
    return int(getattr(service, which).rpartition(":")[2])


WAYS: dict[str, tuple[str, dict[str, str], bytes | None]] = {
    "grpc-web": ("rest", grpc_headers(GET_MODEL) | {"content-type": "application/grpc-web"}, None),
    "gateway": ("gateway_grpc", grpc_headers(GET_MODEL), None),
    "server": ("grpc", grpc_headers(GET_MODEL), None),
    "anonymous method": ("grpc", grpc_headers("/assay.v1.ServerService/GetServerInfo"), None),
    "health": ("grpc", grpc_headers("/grpc.health.v1.Health/Check"), None),
    "health watch": ("grpc", grpc_headers("/grpc.health.v1.Health/Watch"), message()),
    "reflection": (
        "grpc",
        grpc_headers("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"),
        None,
    ),
}


@asynccontextmanager
async def opened(
    port: int, headers: dict[str, str], body: bytes | None, *, connections: int, calls: int
) -> AsyncIterator[list[Connection]]:
    """Open calls on several connections and leave them open."""
    async with AsyncExitStack() as stack:
        made = [await stack.enter_async_context(connected(port)) for _ in range(connections)]
        for connection in made:
            for _ in range(calls):
                await connection.begin(headers, body)
        yield made


async def answers(service: services.Service, seconds: float) -> set[tuple[int, int]]:
    """Return the statuses that a read and the health check have, again and again."""
    seen = set()
    headers = {"authorization": f"ApiKey {service.key}"}
    async with httpx.AsyncClient(
        base_url=service.rest, headers=headers, trust_env=False, timeout=PATIENCE
    ) as client:
        end = time.monotonic() + seconds
        while time.monotonic() < end or not seen:
            read = await client.get("/api/v1/models")
            seen.add((read.status_code, (await client.get("/healthz")).status_code))
    return seen


async def attack(
    service: services.Service, way: str, *, connections: int, calls: int, seconds: float
) -> tuple[set[tuple[int, int]], int]:
    """Return what honest callers saw, and how many calls the attacker held at the end."""
    which, headers, body = WAYS[way]
    async with opened(
        port_of(service, which), headers, body, connections=connections, calls=calls
    ) as made:
        seen = await answers(service, seconds)
        return seen, sum(len(one.open) for one in made if not one.closed)


@pytest.mark.parametrize("way", WAYS)
def test_open_calls_of_a_stranger_stop_nobody(attacked, way):
    """600 calls that a stranger leaves open are ended but for a few; reads and health go on."""
    seen, held = asyncio.run(attack(attacked, way, connections=3, calls=200, seconds=1.5))
    assert seen == {(200, 200)}
    assert held <= {"health watch": HEALTH_WATCHES}.get(way, STRANGERS)
    if WAYS[way][1][":path"] == GET_MODEL:
        assert held == 0  # refused on their headers


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_thousands_of_open_calls_of_a_stranger_stop_nobody(attacked, way):
    """9 000 open calls fail no read; at the server's own port none once all have been begun."""

    async def run() -> tuple[set[tuple[int, int]], set[tuple[int, int]], int]:
        which, headers, body = WAYS[way]
        port = port_of(attacked, which)
        async with opened(port, headers, body, connections=9, calls=1000) as made:
            begun, later = await answers(attacked, 8.0), await answers(attacked, 7.0)
            return begun, later, sum(len(one.open) for one in made if not one.closed)

    begun, later, held = asyncio.run(run())
    assert later == {(200, 200)}
    assert WAYS[way][0] == "grpc" or begun == {(200, 200)}
    assert held <= STRANGERS


def test_a_request_without_a_credential_has_seconds(attacked):
    """What a stranger began and does not send is ended, though each PING is answered."""

    async def wait() -> bool:
        _, headers, body = WAYS["anonymous method"]
        port = port_of(attacked, "grpc")
        async with opened(port, headers, body, connections=1, calls=5) as (connection,):
            return await connection.until_ended(5, STRANGER_SECONDS + PATIENCE)

    assert asyncio.run(wait())


def until(happened: Callable[[], bool]) -> bool:
    """Ask until it is true, for PATIENCE seconds."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if happened():
            return True
    return False


def test_watches_of_an_organization_are_bounded(attacked, honest):
    """The sixth watch of five allowed is refused with 429, until another has ended; reads go on."""
    with grpc.insecure_channel(attacked.grpc) as channel:
        caller = Caller(channel, attacked.key, "default")
        model_id, version_id = caller.pair()
        upload = {"model_id": model_id, "version_id": version_id, "dataset_split": "test"}
        watch = f"/api/v1/jobs/{caller('CreateEvaluation', **upload).job_id}:watch"

    def status() -> int:
        with honest.stream("GET", watch) as answer:
            return answer.status_code

    with ExitStack() as held:
        for _ in range(4):
            assert held.enter_context(honest.stream("GET", watch)).status_code == 200
        with honest.stream("GET", watch) as fifth:
            assert fifth.status_code == 200
            refused = honest.get(watch)
            assert refused.status_code == 429
            assert "5 watches" in refused.json()["message"]
            # A listing that is sent in pieces is no watch.
            assert honest.get("/api/jobs/history").status_code == 200
        assert until(lambda: status() == 200)


def test_wrong_credentials_of_an_address_are_limited(attacked, honest):
    """After 30 of them the address gets 429 without a look at more, but its right key goes on."""
    assert honest.get("/api/v1/models").status_code == 200
    wrong = {"authorization": "ApiKey no.such-key-as-this-one-at-all"}
    statuses = [honest.get("/api/v1/models", headers=wrong).status_code for _ in range(40)]
    assert set(statuses) <= {401, 429}
    assert statuses[-1] == 429
    limited = honest.get("/api/v1/models", headers=wrong)
    assert 1 <= int(limited.headers["retry-after"]) <= 60
    assert honest.get("/api/v1/models").status_code == 200


def test_metadata_that_cannot_be_read_is_in_no_log(attacked):
    """A credential with a stray byte is refused, and neither it nor a traceback is logged."""
    secret = "ApiKey stray.0123456789abcdef\xa0"

    async def send() -> bool:
        headers = grpc_headers(GET_MODEL, authorization=secret)
        port = port_of(attacked, "grpc")
        async with opened(port, headers, message(), connections=1, calls=20) as (connection,):
            return await connection.until_ended(20, PATIENCE)

    assert asyncio.run(send())
    log = attacked.log.read_text()
    assert "0123456789abcdef" not in log
    assert "Traceback" not in log


async def _flood(port: int, headers: dict[str, str], seconds: float) -> int:
    """Begin calls and reset them at once; return how many."""
    begun = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            async with connected(port) as connection:
                while time.monotonic() < end and not connection.closed:
                    for _ in range(50):
                        connection.reset(await connection.begin(headers))
                        begun += 1
        except ConnectionError:
            continue  # it was cut off, and comes again
    return begun


@pytest.mark.parametrize("which", ["rest", "gateway_grpc", "grpc"])
def test_a_flood_of_resets_fails_no_call_of_others(attacked, honest, which):
    """While calls are begun and reset by the thousand, creates of others are all answered 201."""
    statuses: list[int] = []

    async def run() -> int:
        flood = _flood(port_of(attacked, which), grpc_headers(GET_MODEL), 1.5)
        flooding = asyncio.create_task(flood)
        while not flooding.done():
            made = await asyncio.to_thread(
                honest.post, "/api/v1/models", json={"name": "f", "task_type": "regression"}
            )
            statuses.append(made.status_code)
        return await flooding

    assert asyncio.run(run()) > 500
    assert set(statuses) == {201}


def test_a_call_that_grpc_gave_up_may_be_sent_again(web):
    """CANCELLED without our own refusal reaches a caller as a 503 that can be retried."""
    answer = web.get("/api/v1/models/given_up")
    assert answer.status_code == 503
    assert (answer.json()["retryable"], answer.headers["retry-after"]) == (True, "1")


def raw(service: services.Service, *lines: str) -> bytes:
    """Return the answer to a request of HTTP/1.1 written by hand."""
    with socket.create_connection(("127.0.0.1", port_of(service, "rest"))) as connection:
        connection.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
        connection.settimeout(PATIENCE)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_two_hosts_are_refused(attacked):
    """A request with two Host headers, which two readers may take for two requests, gets 400."""
    answer = raw(attacked, "GET /api/v1/server HTTP/1.1", "Host: a", "Host: b")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"More than one Host header" in answer


@pytest.mark.parametrize("sent", ["my id with spaces", "x" * 65, "", "a/b"])
def test_an_unsound_request_id_is_replaced_everywhere(attacked, honest, sent):
    """Header, body and the log of the server bear one id, which begins with req_."""
    answer = honest.get("/api/v1/models/none", headers={"x-request-id": sent})
    made = answer.headers["x-request-id"]
    assert made.startswith("req_")
    assert answer.json()["request_id"] == made
    logs = [attacked.log, *attacked.data_dir.glob("**/*.log")]
    assert until(lambda: any(made in path.read_text() for path in logs))


def test_a_sound_request_id_is_kept_everywhere(honest):
    """The id that a caller sent is in header and body."""
    answer = honest.get("/api/v1/models/none", headers={"x-request-id": "mine_1.2-3"})
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "mine_1.2-3"


def test_a_native_caller_does_not_pass_for_the_gateway(attacked):
    """A path that a native caller claims is not believed: its refusal has no REST body."""
    with grpc.insecure_channel(attacked.grpc) as channel:
        caller = Caller(channel, attacked.key, "default").rest("/api/v1/forged")
        refused = caller.refused("GetModel", model_id="none")
    assert refused.code == "NOT_FOUND"
    assert "x-error-body" not in refused.trailers


def test_compressed_json_is_refused_without_its_bytes(honest):
    """Content-Encoding of a JSON body is answered 415, and nothing of the body is shown."""
    headers = {"content-encoding": "gzip", "content-type": "application/json"}
    answer = honest.post("/api/v1/models", content=b"\x1f\x8bMARK", headers=headers)
    assert answer.status_code == 415
    assert "MARK" not in answer.text


def test_large_bodies_of_strangers_cost_the_server_nothing(attacked, honest):
    """4 MB bodies without a credential are refused unread: others' reads stay quick."""
    body = b'{"rows":[' + b",".join([b"{}"] * 1_300_000) + b"]}"
    path = "/api/v1/models/m/versions/v/evaluations:rows"
    statuses: list[int] = []
    before = resident(attacked)

    def send() -> None:
        with httpx.Client(base_url=attacked.rest, trust_env=False, timeout=PATIENCE) as client:
            kind = {"content-type": "application/json"}
            statuses.extend(
                client.post(path, content=body, headers=kind).status_code for _ in range(8)
            )

    sender = threading.Thread(target=send)
    sender.start()
    while sender.is_alive():
        assert honest.get("/api/v1/models").status_code == 200
    sender.join()
    assert statuses == [401] * 8
    assert resident(attacked) - before < 50_000_000


def resident(service: services.Service) -> int:
    """Return the bytes of the server's process that lie in memory."""
    pages = Path(f"/proc/{service.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def test_a_gateway_that_was_killed_is_started_again(attacked, honest):
    """`assay up` starts Envoy anew on the same ports."""
    children = services.descendants(attacked.process.pid)
    (envoy,) = [pid for pid in children if b"--config-path" in command(pid)]
    os.kill(envoy, signal.SIGKILL)

    def answered() -> bool:
        try:
            return honest.get("/healthz").status_code == 200 and envoy not in (
                services.descendants(attacked.process.pid)
            )
        except httpx.TransportError:
            return False

    assert until(answered)
    assert attacked.process.poll() is None


def command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["text/csv", "application/json"])
def test_slow_bodies_come_to_an_end(attacked, honest, kind):
    """A body of one byte each 5 s is answered 408: an upload's within a minute, JSON's within two."""
    model = honest.post("/api/v1/models", json={"name": "s", "task_type": "regression"}).json()
    path = f"/api/v1/models/{model['model_id']}/versions"
    version = honest.post(path, json={}).json()["version_id"]
    path += f"/{version}/evaluations?dataset_split=test" if kind == "text/csv" else ""

    async def send() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(attacked, "rest"))
        head = [
            f"POST {path} HTTP/1.1", "Host: a", f"Authorization: ApiKey {attacked.key}",
            f"Content-Type: {kind}", "Content-Length: 100000", "", "",
        ]  # fmt: skip  # a list
        writer.write("\r\n".join(head).encode())
        answer = asyncio.create_task(reader.read(200))
        async with asyncio.timeout(150):
            while not answer.done():
                writer.write(b" ")
                await asyncio.wait([answer], timeout=5.0)
        writer.close()
        return answer.result()

    assert asyncio.run(send()).startswith(b"HTTP/1.1 408 ")
