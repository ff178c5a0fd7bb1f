"""What the benchmarks of the running service share: the service itself, bare peers, CPU clocks."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SECRET = "bench." + "s" * 40
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service as `assay up` starts it, on free ports."""

    pid: int  # server and runner
    envoy: int
    grpc: str  # host:port
    rest: str  # http://host:port
    token: str  # JWT of a reader
    data: Path


@contextlib.contextmanager
def service(**settings: str) -> Iterator[Service]:
    """Start `assay up` in a new folder and stop it again."""
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as folder:
        environment = {
            **os.environ,
            "ASSAY_DATA_DIR": folder,
            "ASSAY_GRPC_PORT": "0",
            "ASSAY_HTTP_PORT": "0",
            "ASSAY_GATEWAY_GRPC_PORT": "0",
            "ASSAY_GATEWAY_ADMIN_PORT": "0",
            "ASSAY_BOOTSTRAP_KEY": SECRET,
            **{f"ASSAY_{name.upper()}": value for name, value in settings.items()},
        }
        with (Path(folder) / "log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "assay", "up", "--json"],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
            try:
                assert process.stdout is not None
                line = process.stdout.readline()
                if not line:
                    raise RuntimeError((Path(folder) / "log").read_text())
                facts = json.loads(line)
                token = subprocess.run(
                    [sys.executable, "-m", "assay", "token", "--permissions", "model:read"],
                    env=environment,
                    stdout=subprocess.PIPE,
                    text=True,
                    check=True,
                ).stdout.strip()
                yield Service(
                    pid=process.pid,
                    envoy=_child(process.pid, "envoy"),
                    grpc=facts["grpc"],
                    rest=facts["rest"],
                    token=token,
                    data=Path(folder),
                )
            finally:
                process.terminate()
                process.wait(30)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def tree(pid: int) -> list[int]:
    """Return a process and all of its descendants."""
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def python_processes(service: Service) -> list[int]:
    """Return server, runner and compute processes."""
    return [pid for pid in tree(service.pid) if pid != service.envoy]


def cpu_times(service: Service) -> dict[int, float]:
    """Return the CPU seconds that each of the service's Python processes has used."""
    return {pid: cpu_seconds(pid) for pid in python_processes(service)}


def cpu_of_service(service: Service) -> float:
    """Return the CPU seconds that the service's Python processes have used."""
    return sum(cpu_times(service).values())


def mebibytes(pids: list[int], of: str = "Pss") -> float:
    """Return the MiB that processes hold, pages that they share split among them.

    Args:
        pids: The processes.
        of: Pss is all; Pss_Anon leaves out pages of files, which the kernel takes back at need.
    """
    total = 0
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith(f"{of}:"):
                    total += int(line.split()[1])
    return total / 1024


def _child(pid: int, name: str) -> int:
    for one in tree(pid):
        if Path(f"/proc/{one}/comm").read_text().strip() == name:
            return one
    raise RuntimeError(f"{pid} has no child {name}")
