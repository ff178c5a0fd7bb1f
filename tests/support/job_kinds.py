"""A job kind used by tests alone: its tasks do what the spec says, step by step."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assay.kernel.errors import BadPredictions, Unavailable
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.events import Events
from assay.kernel.jobs.job import Job, NewEvent, Task, TaskRecord
from assay.kernel.jobs.kind import JobOutcome, JobView, TaskOutput
from assay.kernel.storage.unit_of_work import UnitOfWork


class Steps:
    """A job of `tasks` tasks that take `seconds`; `do` names what some of them do besides.

    Files that it may name: `log` has the tasks that ran, `starts` those that began, and when.

    kill        the task kills its process
    kill once   it does so unless the file `flag` exists, which it makes first
    block       it waits until the test lets go of its lock on the file `gate`
    kill runner it kills the process that its process belongs to
    away once   what it needs cannot be reached, unless the file `flag` exists, which it makes first
    away        what it needs can never be reached
    refuse      it raises BadPredictions
    crash       it raises an exception of nobody's
    memory      it allocates a terabyte
    large       its partial is larger than a row holds
    """

    name = "steps"

    def plan(
        self, job: JobView, finished: Mapping[str, TaskRecord], blobs: JobBlobs
    ) -> tuple[Task, ...]:
        """Return all tasks at once."""
        spec = json.loads(job.spec)
        return tuple(
            Task(key=key, payload=spec.get("do", {}).get(key, "").encode()) for key in keys(spec)
        )

    def run(self, job: JobView, task: Task, blobs: JobBlobs) -> TaskOutput:
        """Do what the spec says."""
        spec = json.loads(job.spec)
        if "starts" in spec:
            with Path(spec["starts"]).open("a") as starts:
                starts.write(f"{task.key} {time.time():.6f}\n")
        time.sleep(spec.get("seconds", 0))
        act(task.payload.decode(), spec)
        partial = f"{task.key} ran".encode()
        if task.payload == b"large":
            partial += b"." * 100_000
        event = NewEvent(kind="finished", data={"task": task.key})
        if "log" in spec:
            with Path(spec["log"]).open("a") as log:
                log.write(task.key + "\n")
        return TaskOutput(partial=partial, status={"last": {"key": task.key}}, events=(event,))

    def reduce(self, job: JobView, finished: Mapping[str, TaskRecord], blobs: JobBlobs) -> bytes:
        """Return the sizes of all partials."""
        return json.dumps(
            {key: len(blobs.partial(finished[key])) for key in sorted(finished)}
        ).encode()

    def on_finished(self, uow: UnitOfWork, job: Job, outcome: JobOutcome) -> None:
        """Note the end in the log; fail where the spec asks for it."""
        if outcome.result is not None and json.loads(job.spec).get("unsettled"):
            raise RuntimeError("settling failed")
        uow[Events].append(job.organization_id, job.job_id, [
            NewEvent(kind="settled", data={"state": outcome.state.value})
        ])  # fmt: skip  # one event


def keys(spec: Mapping[str, Any]) -> list[str]:
    """Return the keys of all tasks."""
    return [f"step-{number:03d}" for number in range(spec.get("tasks", 1))]


def act(what: str, spec: Mapping[str, Any]) -> None:
    """Do one of the things above."""
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "kill once":
        flag = Path(spec["flag"])
        if not flag.exists():
            flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    if what == "kill runner":
        os.kill(os.getppid(), signal.SIGKILL)
        signal.pause()  # its own end follows from that
    if what == "away" or (what == "away once" and not Path(spec["flag"]).exists()):
        if what == "away once":
            Path(spec["flag"]).touch()
        raise Unavailable("The blobs cannot be reached. Try again.")
    if what == "block":
        with Path(spec["gate"]).open() as gate:
            fcntl.flock(gate, fcntl.LOCK_SH)
    if what == "refuse":
        raise BadPredictions("row 7, column score: no.", metadata={"row": 7})
    if what == "crash":
        raise KeyError("a secret of ours")
    if what == "memory":
        bytearray(1 << 40)


def pid() -> int:
    """Return the process that ran it."""
    return os.getpid()


def wait_for(path: str) -> int:
    """Note the pid beside the named pipe, wait until somebody opens it to write, return the pid."""
    Path(f"{path}.pid").write_text(str(os.getpid()))
    Path(path).read_bytes()
    return os.getpid()


def kill_self() -> None:
    """Die as by the kernel's hand."""
    os.kill(os.getpid(), signal.SIGKILL)


def allocate(size: int) -> int:
    """Allocate and touch memory."""
    return len(bytearray(size))


def setting(name: str) -> str | None:
    """Return a variable of the child's environment."""
    return os.environ.get(name)


def raise_unpicklable() -> None:
    """Raise what pickles but does not unpickle."""

    class Odd(Exception):
        def __init__(self, one: int, two: int) -> None:
            super().__init__(one + two)

    raise Odd(1, 2)


def has_module(name: str) -> bool:
    """Say whether a module was imported in the child."""
    return name in sys.modules
