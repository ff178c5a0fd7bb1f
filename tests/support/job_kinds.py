"""A job kind used by tests alone: its tasks do what the spec says, step by step."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from assay.kernel import trace
from assay.kernel.errors import BadPredictions, Unavailable
from assay.kernel.jobs.events import Events
from assay.kernel.jobs.job import Job, NewEvent
from assay.kernel.jobs.kind import (
    ComputeContext,
    JobKind,
    JobView,
    Stage,
    StageInputs,
    TaskOutput,
)
from assay.kernel.jobs.payloads import EventPayload, StatusPayload
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.records import Record, decode

ABSENT = f"sha256:{'0' * 64}"  # a blob that nobody put


class StepPayload(Record):
    """What a task does besides."""

    key: str
    do: str


class StepResult(Record):
    """What a task leaves."""

    text: str


class StepFinished(EventPayload):
    """A task has run."""

    name: ClassVar[str] = "finished"

    task: str


class JobSettled(EventPayload):
    """The job has ended."""

    name: ClassVar[str] = "settled"

    state: str


class LastStep(StatusPayload):
    """The newest task that has run."""

    name: ClassVar[str] = "last"

    key: str


class StepSpec(Record):
    """What the job's tasks do."""

    tasks: int = 1
    do: Mapping[str, str] = {}
    seconds: float = 0.0
    flag: str = ""
    gate: str = ""
    log: str = ""
    starts: str = ""
    unsettled: bool = False
    waits: bool = False  # for the network


class Step(Stage[StepPayload, StepResult]):
    """Runs the steps side by side."""

    name: ClassVar[str] = "step"
    payload = StepPayload
    partial = StepResult

    def waits(self, job: JobView[StepSpec]) -> bool:
        """Say what the spec says."""
        return job.spec.waits

    def key(self, number: int) -> str:
        """Return a short key."""
        return f"step-{number:03d}"

    def plan(
        self, job: JobView[StepSpec], inputs: StageInputs, context: ComputeContext
    ) -> list[StepPayload]:
        """Plan all tasks."""
        return [StepPayload(key=key, do=job.spec.do.get(key, "")) for key in keys(job.spec.tasks)]

    def run(
        self,
        job: JobView[StepSpec],
        payload: StepPayload,
        inputs: StageInputs,
        context: ComputeContext,
    ) -> TaskOutput[StepResult]:
        """Do what the spec says."""
        spec = job.spec
        if spec.starts:
            with Path(spec.starts).open("a") as starts:
                starts.write(f"{payload.key} {time.time():.6f}\n")
        time.sleep(spec.seconds)
        act(payload.do, spec)
        if payload.do == "read":
            context.blobs.read(ABSENT)
        text = f"{payload.key} ran" + ("." * 100_000 if payload.do == "large" else "")
        if spec.log:
            with Path(spec.log).open("a") as log:
                seen = f"{context.trace} {trace.current()}"
                log.write((seen if payload.do == "trace" else payload.key) + "\n")
        return TaskOutput(
            partial=StepResult(text=text),
            status=(LastStep(key=payload.key),),
            events=(StepFinished(task=payload.key),),
        )


class StepsResult(Record):
    """The sizes of what the tasks left, by their keys."""

    sizes: Mapping[str, int]


class Steps(JobKind[StepSpec, StepsResult]):
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
    trace       it logs the traceparents of its context and of its process instead of its key
    """

    name: ClassVar[str] = "steps"
    spec = StepSpec
    result = StepsResult
    events = (StepFinished, JobSettled)
    status = (LastStep,)
    stages = (Step(),)

    def finish(
        self, job: JobView[StepSpec], inputs: StageInputs, context: ComputeContext
    ) -> StepsResult:
        """Return the sizes of all partials."""
        found = zip(keys(job.spec.tasks), inputs.partials(Step), strict=True)
        return StepsResult(sizes={key: len(one.text) for key, one in found})

    def on_finished(self, uow: UnitOfWork, job: Job) -> None:
        """Note the end in the log; fail where the spec asks for it."""
        if job.result is not None and decode(StepSpec, job.spec).unsettled:
            raise RuntimeError("settling failed")
        settled = NewEvent.of(JobSettled(state=job.state.value))
        uow[Events].append(job.organization_id, job.job_id, [settled])


def keys(tasks: int) -> list[str]:
    """Return the keys of so many tasks."""
    return [f"step-{number:03d}" for number in range(tasks)]


def act(what: str, spec: StepSpec) -> None:
    """Do one of the things above."""
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "kill once":
        flag = Path(spec.flag)
        if not flag.exists():
            flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    if what == "kill runner":
        runner = multiprocessing.parent_process()
        assert runner is not None
        assert runner.pid is not None
        os.kill(runner.pid, signal.SIGKILL)
        signal.pause()  # its own end follows from that
    if what == "away" or (what == "away once" and not Path(spec.flag).exists()):
        if what == "away once":
            Path(spec.flag).touch()
        raise Unavailable("The blobs cannot be reached. Try again.")
    if what == "block":
        with Path(spec.gate).open() as gate:
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
