"""A service of several processes that are killed at random while it works."""

from __future__ import annotations

import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import psutil

from assay.client import Client, RetryPolicy
from assay.features.keys.service import KeyUseCases
from assay.kernel.clock import Clock
from assay.kernel.ids import Ids
from assay.kernel.storage.store import open_store
from tests.support import runner_process

ORG = "default"
WAIT = 60.0  # seconds until something that never comes fails its test
MOST_JOBS = 4  # that a runner drives at a time, as `Runner` has it
RATES = {f"rate_{kind}_per_minute": 1_000_000 for kind in ("read", "write", "stream")}
SETTINGS = {"lease_seconds": 2, "max_attempts": 1000, "drain_seconds": 0.1, **RATES}


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass
class City:
    """One server and two runners on one folder, each a process of its own."""

    folder: Path
    seed: int
    children: int = 2  # compute processes of each runner
    killed: Counter[str] = field(default_factory=Counter)
    _deck: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.key = f"chaos.{secrets.token_hex(16)}"
        self.port = free_port()
        self.store = open_store(f"sqlite:///{self.folder}/assay.db", upgrade=True)
        KeyUseCases(self.store, Ids(), Clock()).bootstrap(ORG, self.key)
        self.log = (self.folder / "server.log").open("ab")
        self.server = self._serve()
        self.runners = [self._work() for _ in range(2)]

    def client(self) -> Client:
        """Return a client that waits for a server that comes back."""
        return Client(
            f"127.0.0.1:{self.port}",
            api_key=self.key,
            retry=RetryPolicy(seconds=WAIT, first_seconds=WAIT, first_wait=0.05, longest_wait=0.2),
        )

    def kill_one(self) -> None:
        """Kill -9 a server, a runner or a compute child, and start anew what does not by itself."""
        if not self._deck:  # each kind comes up, in any order
            self._deck = ["server", "runner", "child"]
            self.random.shuffle(self._deck)
        what = self._deck.pop()
        if what == "server":
            _kill(self.server)
            self.server = self._serve()
        elif what == "runner":
            index = self.random.randrange(len(self.runners))
            _kill(self.runners[index])
            self.runners[index] = self._work()
        else:
            owner = self.random.choice([self.server, *self.runners])
            children = psutil.Process(owner.pid).children(recursive=True)
            if not children:  # they are just being made
                self._deck.append(what)
                return
            self.random.choice(children).kill()
        self.killed[what] += 1

    def commits(self, count: int) -> None:
        """Wait until some commits were made, or a moment has passed."""
        pause = threading.Event()
        for _ in range(count):
            token = self.store.changes.token()
            for _ in range(40):
                if self.store.changes.token() != token:
                    break
                pause.wait(0.005)  # a poll, as a watch has it

    def close(self) -> None:
        """End all processes."""
        for one in (self.server, *self.runners):
            _kill(one)
        self.log.close()
        self.store.close()

    def _serve(self) -> subprocess.Popen[bytes]:
        values = {"data_dir": self.folder, "grpc_port": self.port, "workers": 1, **SETTINGS}
        started = subprocess.Popen(
            [sys.executable, "-m", "assay", "serve"],
            stderr=self.log,
            env={**os.environ, **{f"ASSAY_{key.upper()}": str(it) for key, it in values.items()}},
        )
        with grpc.insecure_channel(f"127.0.0.1:{self.port}") as channel:
            grpc.channel_ready_future(channel).result(WAIT)
        return started

    def _work(self) -> subprocess.Popen[str]:
        return runner_process.start(
            self.folder, self.folder / "blobs", workers=self.children, errors=self.log, **SETTINGS
        )


def _kill(started: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    started.send_signal(signal.SIGKILL)
    started.wait(WAIT)
