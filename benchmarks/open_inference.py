"""What our Open Inference Protocol server serves, against MLServer with its scikit-learn runtime.

Both serve a logistic regression of the same rows: 64 numbers, ten classes. 32 callers send a row
each, then batches of 64 rows, each caller one request after the other. The callers are one process
with the same requests for both, and share the two cores with the server; so beside the calls a
second the CPU that a call costs each server is told, with all of its processes.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import harness
import processes

CALLERS = 32
SECONDS = 2.0
ROUNDS = 5
METHOD = "/inference.GRPCInferenceService/ModelInfer"

SERVER = """
import asyncio, json, sys, tempfile
from pathlib import Path
sys.path[:0] = sys.argv[1:4]
from assay.settings import prepare_compute_environment
prepare_compute_environment()

def main():
    from assay.app import Backend, ServerProcess
    from assay.commands.running import bootstrap_key
    from assay.learning.rows import TaskType
    from tests.support import rpc_service, trained_versions
    from tests.support.learning_rows import trained
    from tests.support.training_rows import digits

    table = TaskType.TABULAR_CLASSIFICATION
    splits = digits()
    model = trained(
        table, splits["train"].to_batches(), validation=splits["validation"].to_batches(),
        labels=tuple("0123456789"), algorithm="linear",
    )
    trained_versions.model_of = lambda _: model
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as folder:
        backend = Backend(rpc_service.settings(Path(folder)), upgrade=True)
        bootstrap_key(backend)
        organization = backend.settings.bootstrap_organization
        made = trained_versions.put_version(backend.store, backend.blobs, organization, table)

        async def serve():
            with open("/dev/null", "w") as log:
                server = ServerProcess(backend, access_log=log)
                port = await server.start()
                print(json.dumps([f"127.0.0.1:{port}", rpc_service.BOOTSTRAP, made.model_id]), flush=True)
                await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
                await server.stop()

        asyncio.run(serve())
        backend.close()

if __name__ == "__main__":
    main()
"""


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A server, and how its model is called."""

    pid: int
    target: str
    model: str
    tensor: str
    key: str = ""

    def request(self, rows: int) -> bytes:
        """Return an encoded request of so many rows."""
        import numpy as np

        from assay.foreign.inference import open_inference_grpc_pb2 as oip

        numbers = np.random.default_rng(rows).random((rows, 64))
        request = oip.ModelInferRequest(model_name=self.model)
        request.inputs.add(name=self.tensor, datatype="FP64", shape=numbers.shape)
        request.raw_input_contents.append(numbers.tobytes())
        return request.SerializeToString()

    def cpu(self) -> float:
        """Return the CPU seconds that its processes have used."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        threads = Path(f"/proc/{self.pid}/task").iterdir()
        found = {pid for one in threads for pid in (one / "children").read_text().split()}
        return sum(processes.cpu_seconds(int(pid)) for pid in {str(self.pid), *children, *found})


async def calls(peer: Peer, request: bytes) -> int:
    """Call for a while; return how often an answer came."""
    import grpc

    metadata = (("authorization", f"Bearer {peer.key}"),) if peer.key else ()
    count = 0
    async with grpc.aio.insecure_channel(peer.target) as channel:
        method = channel.unary_unary(METHOD)
        await method(request, metadata=metadata)
        end = time.perf_counter() + SECONDS

        async def call() -> None:
            nonlocal count
            while time.perf_counter() < end:
                await method(request, metadata=metadata)
                count += 1

        await asyncio.gather(*(call() for _ in range(CALLERS)))
    return count


def measure(peers: list[Peer], rows: int) -> list[tuple[float, float]]:
    """Return the seconds, and the CPU seconds, of a call of each peer.

    The least of the rounds counts on either side: whatever else runs only ever adds to both.
    """
    requests = [peer.request(rows) for peer in peers]
    rounds: list[list[tuple[float, float]]] = []
    for _ in range(ROUNDS + 1):
        found = []
        for peer, request in zip(peers, requests, strict=True):
            before, began = peer.cpu(), time.perf_counter()
            count = asyncio.run(calls(peer, request))
            seconds = time.perf_counter() - began
            found.append((seconds / count, (peer.cpu() - before) / count))
        rounds.append(found)
    return [
        tuple(min(one[kind] for one in column) for kind in (0, 1))
        for column in zip(*rounds[1:], strict=True)
    ]


def main() -> int:
    """Print the ratios; 1 if a bar is missed."""
    from sklearn.datasets import load_digits

    from tests.support.mlserver import MODEL, running_mlserver

    folders = [str(harness.ROOT), str(harness.ROOT / "server"), str(harness.ROOT / "client")]
    ours = subprocess.Popen(
        [sys.executable, "-c", SERVER, *folders],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    data = load_digits()
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        x = data.data / 16
        with running_mlserver(Path(folder), x, data.target, x[:1]) as served:
            assert ours.stdout is not None
            assert ours.stdin is not None
            target, key, model = json.loads(ours.stdout.readline())
            peers = [
                Peer(pid=ours.pid, target=target, model=model, tensor="features", key=key),
                Peer(pid=served.pid, target=served.endpoint, model=MODEL, tensor="predict"),
            ]
            for rows in (1, 64):
                (our_time, our_cpu), (their_time, their_cpu) = measure(peers, rows)
                name = "a row a request" if rows == 1 else f"{rows} rows a request"
                bar = {"peer_name": "MLServer", "at_least": 3.0}
                ratios += [
                    harness.Ratio(name=name, ours=our_time, peer=their_time, **bar),
                    harness.Ratio(
                        name=f"{name}, CPU", ours=our_cpu, peer=their_cpu, peer_name="MLServer"
                    ),
                ]
            ours.stdin.close()
            ours.wait()
    return harness.report(__doc__.partition("\n")[0], ratios)


if __name__ == "__main__":
    sys.exit(main())
