"""What the ledger costs as a job grows: the last epochs of a long chain against its first ones.

A job runs a chain of 500 tasks that do nothing but leave a state of 100 kB and an event, each
given the state before: what passes from event to event is then the ledger's own time. A second job
runs as many tasks in waves, of which each is planned from all that have finished.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, ClassVar

import harness

from assay.features.registry import FEATURES
from assay.kernel.feature import preload_of
from assay.kernel.jobs.kind import JobKind, Stage, StageMode, TaskOutput
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.payloads import EventPayload
from assay.records import Record

TASKS = 500
WAVE = 20
STATE = "w" * 100_000
PROCESSES = 2
RUNS = 3
COMPARED = 100  # tasks at either end, after a first wave
MOST = 1.20
MOST_WAVES = 2.0  # a plan reads all trials before, some microseconds each


class Nothing(Record):
    """A value without content."""


class State(Record):
    """What an epoch leaves to the next."""

    number: int
    data: str = ""


class TaskEnded(EventPayload):
    """A task has ended."""

    name: ClassVar[str] = "ended"

    number: int


class Epochs(Stage[State, State]):
    """Epochs that hand their state on."""

    name: ClassVar[str] = "epoch"
    payload = State
    partial = State
    mode = StageMode.CHAIN

    def plan(self, job: Any, inputs: Any, context: Any) -> list[State]:
        """Return all epochs."""
        return [State(number=number) for number in range(TASKS)]

    def run(self, job: Any, payload: State, inputs: Any, context: Any) -> TaskOutput[State]:
        """Read the last state and leave one."""
        last = inputs.last(Epochs)
        assert (last is None) == (payload.number == 0)
        state = State(number=payload.number, data=STATE)
        return TaskOutput(partial=state, events=(TaskEnded(number=payload.number),))


class Trials(Stage[State, State]):
    """Trials in waves."""

    name: ClassVar[str] = "trial"
    payload = State
    partial = State
    mode = StageMode.WAVES

    def plan(self, job: Any, inputs: Any, context: Any) -> list[State]:
        """Return the next wave."""
        done = len(inputs.partials(Trials))
        return [State(number=number) for number in range(done, min(done + WAVE, TASKS))]

    def run(self, job: Any, payload: State, inputs: Any, context: Any) -> TaskOutput[State]:
        """Leave what a trial leaves: a few numbers."""
        state = State(number=payload.number, data="0.1234 " * 50)
        return TaskOutput(partial=state, events=(TaskEnded(number=payload.number),))


class Chained(JobKind[Nothing, Nothing]):
    """A chain of epochs."""

    name: ClassVar[str] = "chained"
    spec = Nothing
    result = Nothing
    events = (TaskEnded,)
    stages: tuple[Stage[Any, Any], ...] = (Epochs(),)

    def finish(self, job: Any, inputs: Any, context: Any) -> Nothing:
        """Return nothing much."""
        return Nothing()


class Waved(Chained):
    """Trials in waves."""

    name: ClassVar[str] = "waved"
    stages = (Trials(),)


def run_job(store: Any, ended: threading.Event, kind: str) -> tuple[float, float]:
    """Run a job to its end; return the seconds of its last tasks and of as many first ones."""
    from assay.kernel.jobs.events import Events
    from assay.kernel.jobs.job import NewJob
    from assay.kernel.jobs.states import JobState

    ended.clear()
    with store.write() as uow:
        job = uow[Jobs].submit("bench", NewJob(kind=kind, spec=b"{}"))
    ended.wait()
    with store.read() as uow:
        state = uow[Jobs].get("bench", job.job_id).state
        events = uow[Events].after("bench", job.job_id, 0, limit=2 * TASKS)
    assert state == JobState.SUCCEEDED, state
    at = [event.at.timestamp() for event in events if event.kind == TaskEnded.name]
    assert len(at) == TASKS
    return at[-1] - at[-1 - COMPARED], at[WAVE + COMPARED] - at[WAVE]


def main() -> int:
    """Print the ratios; 1 if a bar is missed."""
    from assay.kernel.jobs.executors.process_pool import LocalPool
    from assay.kernel.jobs.runner import Runner
    from assay.kernel.storage.blobs import open_blobs
    from assay.kernel.storage.store import open_store

    ended = threading.Event()
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as folder:
        pool = LocalPool(workers=PROCESSES, preload=preload_of(FEATURES))
        pool.warm_up()
        store = open_store(f"sqlite:///{folder}/assay.db", upgrade=True)
        runner = Runner(
            store,
            blobs=open_blobs(Path(folder) / "blobs"),
            executor=pool,
            kinds={Chained.name: Chained(), Waved.name: Waved()},
            listener=lambda signal: ended.set() if signal.what == "ended" else None,
        )
        runner.start()
        run_job(store, ended, Chained.name)  # warms up
        ratios = []
        for name, kind, most in (
            (f"the last {COMPARED} of {TASKS} epochs of a chain", Chained.name, MOST),
            (f"the last {COMPARED} of {TASKS} trials in waves of {WAVE}", Waved.name, MOST_WAVES),
        ):
            runs = [run_job(store, ended, kind) for _ in range(RUNS)]
            last, first = zip(*runs, strict=True)
            ratios.append(
                harness.Ratio(
                    name=name,
                    ours=statistics.median(last),
                    peer=statistics.median(first),
                    peer_name="as many first ones",
                    at_most=most,
                )
            )
        runner.stop()
        pool.close()
        store.close()
    return harness.report("The ledger of long jobs", ratios)


if __name__ == "__main__":
    sys.exit(main())
