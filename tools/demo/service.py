"""The whole service in a folder of its own: started, asked where it listens, stopped."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

STOP_SECONDS = 30.0
POLL_SECONDS = 0.02


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
    _family: set[int] = field(default_factory=set)

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
        deadline = time.monotonic() + 5
        while (left := [pid for pid in family if alive(pid)]) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)  # the kernel tells nobody when a stranger's child ends
        return wrong + [f"process {pid} is still there" for pid in left]


def start(data_dir: Path, **settings: str) -> Service:
    """Start `assay up` on free ports.

    Args:
        data_dir: an empty folder.
        settings: more of the service's settings, by variable.

    Raises:
        RuntimeError: it ended before it was ready; the text has its last words.
    """
    key = f"demo.{secrets.token_hex(16)}"
    log = data_dir / "up.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "assay", "up", "--json", "--data-dir", str(data_dir)),
                *("--grpc-port", "0", "--http-port", "0"),
            ],
            stdout=subprocess.PIPE,
            stderr=errors,
            stdin=subprocess.DEVNULL,
            text=True,
            env={
                **os.environ,
                "ASSAY_GATEWAY_GRPC_PORT": "0",
                "ASSAY_GATEWAY_ADMIN_PORT": "0",
                "ASSAY_BOOTSTRAP_KEY": key,
                **settings,
            },
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"assay up left with {process.wait()}:\n{log.read_text()[-2000:]}")
    ready = json.loads(line)
    return Service(
        process=process,
        data_dir=data_dir,
        rest=ready["rest"],
        grpc=ready["grpc"],
        gateway_grpc=ready["gateway_grpc"],
        key=key,
        log=log,
    )


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
