"""What the ledger costs: a job of 64 tasks of 100 ms each against the bare pool of two processes.

The bare side hands the same 64 tasks to the same pool and waits. Ours submits a job, and a runner
claims it, plans it, runs and checkpoints its tasks, reduces and commits its result.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, ClassVar

import harness

from assay.features.registry import FEATURES
from assay.kernel.feature import preload_of
from assay.kernel.jobs.kind import JobKind, Stage, TaskOutput
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.payloads import EventPayload
from assay.records import Record

TASKS = 64
SECONDS = 0.1  # of CPU in each task
PROCESSES = 2
RUNS = 3
MOST = 1.10


def burn(seconds: float) -> int:
    """Use that much CPU time; return how often it looked at the clock."""
    end = time.process_time() + seconds
    count = 0
    while time.process_time() < end:
        count += 1
    return count


class Nothing(Record):
    """A value without content."""


class Finished(EventPayload):
    """A task has burned its share."""

    name: ClassVar[str] = "finished"

    task: int


class Number(Record):
    """The number of a task."""

    number: int


class Burn(Stage[Number, Nothing]):
    """Tasks that burn CPU and tell of it in the log."""

    name: ClassVar[str] = "burn"
    payload = Number
    partial = Nothing

    def plan(self, job: Any, inputs: Any, context: Any) -> list[Number]:
        """Return all tasks at once."""
        return [Number(number=number) for number in range(TASKS)]

    def run(self, job: Any, payload: Number, inputs: Any, context: Any) -> TaskOutput[Nothing]:
        """Burn."""
        burn(SECONDS)
        return TaskOutput(partial=Nothing(), events=(Finished(task=payload.number),))


class Burning(JobKind[Nothing, Nothing]):
    """A job kind whose tasks burn CPU."""

    name: ClassVar[str] = "burning"
    spec = Nothing
    result = Nothing
    events = (Finished,)
    stages = (Burn(),)

    def finish(self, job: Any, inputs: Any, context: Any) -> Nothing:
        """Return nothing much."""
        return Nothing()


def main() -> int:
    """Print the ratio; 1 if the bar is missed."""
    from assay.kernel.jobs.executors.process_pool import LocalPool
    from assay.kernel.jobs.job import NewJob
    from assay.kernel.jobs.runner import Runner
    from assay.kernel.jobs.states import JobState
    from assay.kernel.storage.blobs import open_blobs
    from assay.kernel.storage.store import open_store

    with tempfile.TemporaryDirectory(prefix="assay-bench-") as folder:
        pool = LocalPool(workers=PROCESSES, preload=preload_of(FEATURES))
        pool.warm_up()
        store = open_store(f"sqlite:///{folder}/assay.db", upgrade=True)
        ended = threading.Event()
        runner = Runner(
            store,
            blobs=open_blobs(Path(folder) / "blobs"),
            executor=pool,
            kinds={Burning.name: Burning()},
            listener=lambda signal: ended.set() if signal.what == "ended" else None,
        )
        runner.start()

        def run_job() -> None:
            ended.clear()
            with store.write() as uow:
                job = uow[Jobs].submit("bench", NewJob(kind=Burning.name, spec=b"{}"))
            ended.wait()
            with store.read() as uow:
                state = uow[Jobs].get("bench", job.job_id).state
            assert state == JobState.SUCCEEDED, state

        def bare() -> None:
            for future in [pool.submit(burn, SECONDS) for _ in range(TASKS)]:
                future.result()

        ours, peer = harness.alternate(run_job, bare, runs=RUNS)
        before = time.process_time()  # of this process, not of its children
        run_job()
        own = (time.process_time() - before) / (TASKS * SECONDS)
        runner.stop()
        pool.close()
        store.close()
    missed = harness.report(
        "The ledger",
        [
            harness.Ratio(
                name=f"a job of {TASKS} × {SECONDS * 1e3:.0f} ms on {PROCESSES} processes",
                ours=ours,
                peer=peer,
                peer_name="the bare pool",
                at_most=MOST,
            )
        ],
    )
    print(f"\nThe runner's own CPU: {own:.1%} of what its tasks used")
    return missed


if __name__ == "__main__":
    sys.exit(main())
