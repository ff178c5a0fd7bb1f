"""The whole service in a folder of its own: started, asked where it listens, stopped."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

STOP_SECONDS = 30.0
POLL_SECONDS = 0.02
END_SECONDS = 5.0
LOG = "up.log"


@dataclass(kw_only=True)
class Service:
    """`assay up`, running."""

    process: subprocess.Popen[str]
    data_dir: Path
    rest: str  # http://host:port
    grpc: str  # host:port, with grpcs:// before it under TLS
    gateway_grpc: str  # the same of the gateway's listener
    key: str  # prefix.secret of an admin
    log: Path
    settings: Mapping[str, str]  # that it was started with

    def environment(self) -> dict[str, str]:
        """Return the environment in which the commands of `assay` find the service."""
        return {
            **os.environ,
            "ASSAY_URL": self.grpc if "://" in self.grpc else f"grpc://{self.grpc}",
            "ASSAY_API_KEY": self.key,
            "ASSAY_DATA_DIR": str(self.data_dir),
        }

    def forget(self) -> None:
        """Let go of its standard output, on which nothing more comes."""
        if self.process.stdout is not None:
            self.process.stdout.close()

    def stop(self) -> list[str]:
        """Stop it as Ctrl-C would; return what is wrong with its end, or nothing."""
        family = descendants(self.process.pid)
        self.process.send_signal(signal.SIGINT)
        self.forget()
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return [f"assay up did not stop within {STOP_SECONDS:g} s"]
        wrong = [] if code == 0 else [f"assay up left with {code}; its log is {self.log}"]
        return wrong + [f"process {pid} is still there" for pid in _gone(family)]

    def kill_and_start(self) -> list[str]:
        """Kill it with SIGKILL, children and all, and start it again on the same ports.

        Returns what is wrong with its end, or nothing.
        """
        family = descendants(self.process.pid)
        self.process.kill()
        self.forget()
        self.process.wait()
        left = _gone(family)  # the kernel kills its children, which would hold the ports
        settings = {
            **self.settings,
            "ASSAY_GRPC_PORT": _port(self.grpc),
            "ASSAY_HTTP_PORT": _port(self.rest),
            "ASSAY_GATEWAY_GRPC_PORT": _port(self.gateway_grpc),
        }
        self.process, _ = _launched(self.data_dir, settings)
        return [f"process {pid} outlived its parent" for pid in left]


def start(data_dir: Path, **settings: str) -> Service:
    """Start `assay up` on free ports.

    Args:
        data_dir: an empty folder.
        settings: more of the service's settings, by variable.

    Raises:
        RuntimeError: it ended before it was ready; the text has its last words.
    """
    settings = {
        "ASSAY_GRPC_PORT": "0",
        "ASSAY_HTTP_PORT": "0",
        "ASSAY_GATEWAY_GRPC_PORT": "0",
        "ASSAY_GATEWAY_ADMIN_PORT": "0",
        "ASSAY_BOOTSTRAP_KEY": f"demo.{secrets.token_hex(16)}",
        **settings,
    }
    process, ready = _launched(data_dir, settings)
    return Service(
        process=process,
        data_dir=data_dir,
        rest=ready["rest"],
        grpc=ready["grpc"],
        gateway_grpc=ready["gateway_grpc"],
        key=settings["ASSAY_BOOTSTRAP_KEY"],
        log=data_dir / LOG,
        settings=settings,
    )


def _launched(
    data_dir: Path, settings: Mapping[str, str]
) -> tuple[subprocess.Popen[str], dict[str, str]]:
    """Return the process and what it says of itself once it is ready."""
    log = data_dir / LOG
    with log.open("a") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "assay", "up", "--json", "--data-dir", str(data_dir)],
            stdout=subprocess.PIPE,
            stderr=errors,
            stdin=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **settings},
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"assay up left with {process.wait()}:\n{log.read_text()[-2000:]}")
    return process, json.loads(line)


def _gone(family: set[int]) -> set[int]:
    """Wait until processes have ended; return those that have not."""
    deadline = time.monotonic() + END_SECONDS
    while (left := {pid for pid in family if alive(pid)}) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)  # the kernel tells nobody when a stranger's child ends
    return left


def _port(address: str) -> str:
    return address.rpartition(":")[2]


def descendants(root: int) -> set[int]:
    """Return the processes that `root` started, and those that they started."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                # The name in brackets may hold anything; the parent is the second field behind it.
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
    found, fresh = set[int](), {root}
    while fresh:
        fresh = {pid for pid, parent in parents.items() if parent in fresh}
        found |= fresh
    return found


def alive(pid: int) -> bool:
    """Say whether a process runs; one that merely waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}
