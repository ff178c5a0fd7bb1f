"""What a hot read costs: a stored summary by gRPC, and through Envoy by REST.

The peer is an empty grpc.aio method that returns the same bytes, in a process of its own. The
CPU of the server's process is compared, not the clock: client and server share two cores here.
JWT, access log and rate limiter are on. The requests of REST and gRPC ask the same of the server.
"""

from __future__ import annotations

import asyncio
import http.client
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import harness
import processes

CALLS = 3000
ROUNDS = 9
PATH = "/api/v1/models/mdl-bench/performance/summary"
METHOD = "/assay.v1.PerformanceService/GetPerformanceSummary"

EMPTY = """
import asyncio, sys
import grpc

async def main():
    data = bytes.fromhex(sys.argv[1])

    async def empty(request, context):
        return data

    service, _, name = sys.argv[2][1:].partition("/")
    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(empty)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(service, {name: handler}),)
    )
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    await server.start()
    await server.wait_for_termination()

asyncio.run(main())
"""


def prepare(target: str) -> None:
    """Store one evaluation of a promoted version."""
    import numpy as np

    from assay.client import Client

    generator = np.random.default_rng(1)
    with Client(target, api_key=processes.SECRET) as client:
        client.models.create("Bench", "classification", model_id="mdl-bench")
        client.versions.create("mdl-bench", version_id="ver-bench")
        client.evaluate(
            "mdl-bench",
            "ver-bench",
            "test",
            y_true=[f"class-{code}" for code in generator.integers(0, 10, 1000)],
            y_pred=[f"class-{code}" for code in generator.integers(0, 10, 1000)],
        )
        client.versions.promote("mdl-bench", "ver-bench")


async def call(target: str, token: str, *, calls: int, at_once: int) -> bytes:
    """Make `calls` calls over one channel; return the last answer."""
    import grpc

    from assay.v1 import performance_service_pb2

    request = performance_service_pb2.GetPerformanceSummaryRequest(model_id="mdl-bench")
    data, metadata = request.SerializeToString(), (("authorization", f"Bearer {token}"),)
    async with grpc.aio.insecure_channel(target) as channel:
        method = channel.unary_unary(METHOD)

        async def some(count: int) -> bytes:
            answer = b""
            for _ in range(count):
                answer = await method(data, metadata=metadata)
            return answer

        answers = await asyncio.gather(*(some(calls // at_once) for _ in range(at_once)))
    return answers[0]


def fetch(rest: str, token: str, *, calls: int, at_once: int) -> None:
    """Make `calls` REST calls over `at_once` connections."""

    def some(count: int) -> None:
        connection = http.client.HTTPConnection(urlsplit(rest).netloc)
        for _ in range(count):
            connection.request("GET", PATH, headers={"Authorization": f"Bearer {token}"})
            response = connection.getresponse()
            response.read()
            assert response.status == 200, response.status
        connection.close()

    with ThreadPoolExecutor(at_once) as threads:
        list(threads.map(some, [calls // at_once] * at_once))


def measure(service: processes.Service, empty: str, empty_pid: int, at_once: int) -> list[float]:
    """Return the CPU seconds a call of: the service, the empty peer, the service by REST.

    The least of the rounds counts on every side: other processes only ever add to CPU time,
    by emptying the caches that the two cores share.
    """
    rounds = []
    options = {"calls": CALLS, "at_once": at_once}
    for _ in range(ROUNDS + 1):
        before = processes.cpu_seconds(service.pid)
        asyncio.run(call(service.grpc, service.token, **options))
        direct = processes.cpu_seconds(service.pid) - before
        before = processes.cpu_seconds(empty_pid)
        asyncio.run(call(empty, service.token, **options))
        bare = processes.cpu_seconds(empty_pid) - before
        before = processes.cpu_seconds(service.pid) + processes.cpu_seconds(service.envoy)
        fetch(service.rest, service.token, **options)
        after = processes.cpu_seconds(service.pid) + processes.cpu_seconds(service.envoy)
        rounds.append([direct, bare, after - before])
    return [min(column) / CALLS for column in zip(*rounds[1:], strict=True)]


def main() -> int:
    """Print the ratios; 1 if a bar is missed."""
    ratios = []
    with processes.service(rate_read_per_minute="100000000") as service:
        prepare(service.grpc)
        answer = asyncio.run(call(service.grpc, service.token, calls=16, at_once=16))
        peer = subprocess.Popen(
            [sys.executable, "-c", EMPTY, answer.hex(), METHOD], stdout=subprocess.PIPE, text=True
        )
        try:
            assert peer.stdout is not None
            empty = f"127.0.0.1:{peer.stdout.readline().strip()}"
            for at_once in (1, 16):
                direct, bare, rest = measure(service, empty, peer.pid, at_once)
                ratios += [
                    harness.Ratio(
                        name=f"summary by gRPC, {at_once} at once, CPU of the server a call",
                        ours=direct,
                        peer=bare,
                        peer_name="empty method, same bytes",
                        at_most=1.4,
                    ),
                    harness.Ratio(
                        name=f"summary by REST, {at_once} at once, CPU of server + Envoy a call",
                        ours=rest,
                        peer=direct,
                        peer_name="the same by gRPC",
                        at_most=2.5,
                    ),
                ]
        finally:
            peer.terminate()
            peer.wait()
    return harness.report("Hot reads", ratios)


if __name__ == "__main__":
    sys.exit(main())
