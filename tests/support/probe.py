"""The service with the probe feature of tests/probe: its contract, its processes, its command.

`python -m tests.support.probe` is server and runner in one process, like `assay up` without the
gateway, and knows the feature beside all others.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from assay.app import Backend, RunnerProcess, ServerProcess
from assay.commands.running import bootstrap_key
from assay.features.registry import FEATURES
from assay.kernel.storage.engine import make_engine
from assay.settings import Settings, prepare_compute_environment
from tests.support.servers import free_port
from tools import protos
from tools.gateway_descriptors import with_raw_bodies
from tools.routes import table

ROOT = Path(__file__).parents[2]
PROBE = ROOT / "tests/probe"
FEATURE = PROBE / "tallies"
KEY = "probe.0123456789abcdef0123456789abcdef"


def generate(folder: Path) -> None:
    """Write what is generated of the probe's proto, and what pip would write of its entry point."""
    protos.compile_python(folder, PROBE / "protos")
    data = protos.descriptor_set(PROBE / "protos")
    (folder / "assay.binpb").write_bytes(with_raw_bodies(data))
    (folder / "routes.json").write_text(json.dumps(table(data)))
    installed = folder / "tallies-0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: tallies\nVersion: 0\n")
    (installed / "entry_points.txt").write_text((FEATURE / "entry_points.txt").read_text())


class ProbeProcess:
    """Server and runner on one data folder and one port, started again after each kill."""

    def __init__(self, folder: Path, generated: Path) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self.environment = {
            **os.environ,
            "PYTHONPATH": f"{generated}:{ROOT / 'client'}:{ROOT / 'server'}:{ROOT}",
            "ASSAY_URL": f"grpc://{self.address}",
            "ASSAY_API_KEY": KEY,
            "ASSAY_BOOTSTRAP_KEY": KEY,
            "ASSAY_DATA_DIR": str(folder),
            "ASSAY_GRPC_PORT": self.address.rpartition(":")[2],
            "ASSAY_WORKERS": "2",
            "ASSAY_RATE_READ_PER_MINUTE": "1000000",
        }
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it and wait until it listens."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.probe"],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=self.environment,
        )
        assert self._process.stdout is not None
        with self._process.stdout:
            assert self._process.stdout.readline() == "ready\n"

    def end(self, number: int = signal.SIGTERM) -> None:
        """Send a signal and wait until the process is gone."""
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(30)


async def _run(backend: Backend) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    runner = RunnerProcess(backend)
    runner.start()
    server = ServerProcess(backend)
    await server.start()
    print("ready", flush=True)
    await stop.wait()
    await server.stop()
    await asyncio.to_thread(runner.stop)


def main() -> None:
    """Serve and run jobs until SIGTERM."""
    prepare_compute_environment()
    from tests.probe.tallies.feature import FEATURE as TALLIES

    settings = Settings()
    backend = Backend(settings, upgrade=True, features=(*FEATURES, TALLIES))
    engine = make_engine(settings.database)
    for one in TALLIES.tables:  # which no migration of the product makes
        one.create(engine, checkfirst=True)
    engine.dispose()
    bootstrap_key(backend)
    asyncio.run(_run(backend))
    backend.close()


if __name__ == "__main__":
    main()
