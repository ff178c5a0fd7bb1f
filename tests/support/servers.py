"""Servers as processes of their own on one data folder, each leaving and coming back at its port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import grpc

WAIT = 60.0  # seconds
QUICK = (("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 50))


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class ServedProcess:
    """`assay serve` on a port of its own, started again after each departure."""

    def __init__(self, data_dir: Path, **settings: str) -> None:
        self.port = free_port()
        self._environment = {
            **os.environ,
            "ASSAY_DATA_DIR": str(data_dir),
            "ASSAY_GRPC_PORT": str(self.port),
            "ASSAY_RATE_READ_PER_MINUTE": "1000000",
            "ASSAY_WORKERS": "1",
            **settings,
        }
        self._log = data_dir / f"serve-{self.port}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def migrate(self) -> None:
        """Bring the store to the schema of this release."""
        command = [sys.executable, "-m", "assay", "migrate"]
        subprocess.run(command, check=True, env=self._environment, capture_output=True)

    def start(self) -> None:
        """Start it, and return once it listens."""
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "assay", "serve"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
            )
        with grpc.insecure_channel(f"127.0.0.1:{self.port}", QUICK) as channel:
            grpc.channel_ready_future(channel).result(WAIT)

    def leave(self, number: int = signal.SIGTERM) -> None:
        """Send a signal and wait until the process is gone."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(WAIT)
            self._process = None
