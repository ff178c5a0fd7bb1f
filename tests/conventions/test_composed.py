"""The commands and the environment of docker-compose.yml, run as processes on this machine."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import yaml

ROOT = Path(__file__).parents[2]
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
IMAGE = dict(re.findall(r"(ASSAY_[A-Z_]+)=(\S+)", (ROOT / "Dockerfile").read_text()))
KEY = "compose.0123456789abcdef0123456789abcdef"
STARTING = 60.0


class Machine:
    """What containers give and processes lack: addresses, ports and a volume of their own."""

    def __init__(self, folder: Path) -> None:
        grpc, http, native, admin = free_ports(4)
        self.http = http
        self.stands_for = {"server:50051": f"127.0.0.1:{grpc}", "127.0.0.1:50051": f"127.0.0.1:{grpc}",
                           "127.0.0.1:8080": f"127.0.0.1:{http}"}  # fmt: skip
        self.own = {
            "ASSAY_DATA_DIR": str(folder),
            "ASSAY_GRPC_HOST": "127.0.0.1",
            "ASSAY_HTTP_HOST": "127.0.0.1",
            "ASSAY_GRPC_PORT": str(grpc),
            "ASSAY_HTTP_PORT": str(http),
            "ASSAY_GATEWAY_GRPC_PORT": str(native),
            "ASSAY_GATEWAY_ADMIN_PORT": str(admin),
            "ASSAY_BOOTSTRAP_KEY": KEY,
        }

    def environment(self, name: str) -> dict[str, str]:
        """Return the environment of a service: the image's, the compose file's, this machine's."""
        composed = {**IMAGE, **SERVICES[name].get("environment", {})}
        given = {key: self.own.get(key, self.translate(value)) for key, value in composed.items()}
        if name == "gateway":
            given["ASSAY_GATEWAY_ADMIN_PORT"] = self.own["ASSAY_GATEWAY_ADMIN_PORT"]
        kept = {key: value for key, value in os.environ.items() if not key.startswith("ASSAY_")}
        return {**kept, **given}

    def translate(self, text: str) -> str:
        for inside, outside in self.stands_for.items():
            text = text.replace(inside, outside)
        return text

    def start(self, name: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "assay", *SERVICES[name]["command"]]
        return subprocess.Popen(command, env=self.environment(name), cwd=ROOT)

    def wait_healthy(self, name: str, process: subprocess.Popen[bytes]) -> None:
        """Run the service's own health check until it holds, as compose does."""
        _, python, *arguments = SERVICES[name]["healthcheck"]["test"]
        assert python == "python"
        check = [sys.executable, *(self.translate(text) for text in arguments)]
        deadline = time.monotonic() + STARTING
        while subprocess.run(check, check=False, capture_output=True).returncode != 0:
            assert process.poll() is None, f"{name} ended with {process.returncode}"
            assert time.monotonic() < deadline, f"{name} is not healthy"


def free_ports(number: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)
        ]
        return [taken.getsockname()[1] for taken in sockets]


@pytest.fixture(scope="module")
def machine(tmp_path_factory) -> Iterator[tuple[Machine, Mapping[str, subprocess.Popen[bytes]]]]:
    """Everything that `docker compose up` starts, in its order, until it is healthy."""
    here = Machine(tmp_path_factory.mktemp("compose"))
    assert here.start("migrate").wait(STARTING) == 0
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name in ("server", "runner", "gateway"):
            running[name] = here.start(name)
            if "test" in SERVICES[name]["healthcheck"]:
                here.wait_healthy(name, running[name])
        yield here, running
    finally:
        for process in running.values():
            if process.poll() is None:
                process.kill()
            process.wait()


def test_composed_service_measures_a_model_and_stops(machine):
    """Server, runner and gateway of docker-compose.yml measure a file, and all end with 0."""
    here, running = machine
    web = httpx.Client(
        base_url=f"http://127.0.0.1:{here.http}/api/v1/models",
        headers={"authorization": f"ApiKey {KEY}"},
        trust_env=False,
        timeout=90,
    )
    with web:
        model = web.post("", json={"name": "m", "task_type": "classification"}).json()["model_id"]
        version = web.post(f"/{model}/versions", json={}).json()["version_id"]
        measured = web.post(
            f"/{model}/versions/{version}/evaluations",
            content=b"y_true,y_pred\ncat,cat\ncat,dog\ndog,dog\ndog,dog\n",
            headers={"content-type": "text/csv"},
        )
        assert measured.status_code == 201, measured.text
        assert web.post(f"/{model}/versions/{version}/promote", json={}).status_code == 200
        summary = web.get(f"/{model}/performance/summary").json()
    assert summary["metrics"]["accuracy"] == 0.75
    for process in reversed(running.values()):
        process.send_signal(signal.SIGTERM)
        assert process.wait(STARTING) == 0
