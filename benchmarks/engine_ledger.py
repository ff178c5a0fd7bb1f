"""What the ledger costs: a job of 64 tasks of 100 ms each against the bare pool of two processes.

The bare side hands the same 64 tasks to the same pool and waits. Ours submits a job, and a runner
claims it, plans it, runs and checkpoints its tasks, reduces and commits its result.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import harness

from assay.features.registry import FEATURES
from assay.kernel.feature import preload_of
from assay.kernel.jobs.ledger_runs import Jobs

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


class Burning:
    """A job kind whose tasks burn CPU."""

    name = "burning"

    def plan(self, job: Any, finished: Mapping[str, Any], blobs: Any) -> tuple[Any, ...]:
        """Return all tasks at once."""
        from assay.kernel.jobs.job import Task

        return tuple(Task(key=f"{number:03d}", payload=b"") for number in range(TASKS))

    def run(self, job: Any, task: Any, blobs: Any) -> Any:
        """Burn, and tell of it in the log."""
        from assay.kernel.jobs.job import NewEvent
        from assay.kernel.jobs.kind import TaskOutput

        burn(SECONDS)
        event = NewEvent(kind="finished", data={"task": task.key})
        return TaskOutput(partial=b"done", events=(event,))

    def reduce(self, job: Any, finished: Mapping[str, Any], blobs: Any) -> bytes:
        """Return nothing much."""
        return b"{}"

    def settle(self, uow: Any, job: Any, ending: Any) -> None:
        """Nothing else is made."""


def main() -> int:
    """Print the ratio; 1 if the bar is missed."""
    from assay.kernel.jobs.executors import LocalPool
    from assay.kernel.jobs.job import NewJob
    from assay.kernel.jobs.runner import Runner
    from assay.kernel.storage.store import open_store

    with tempfile.TemporaryDirectory(prefix="assay-bench-") as folder:
        blobs = str(Path(folder) / "blobs")
        pool = LocalPool(workers=PROCESSES, blobs_url=blobs, preload=preload_of(FEATURES))
        pool.warm_up()
        store = open_store(f"sqlite:///{folder}/assay.db", upgrade=True)
        ended = threading.Event()
        runner = Runner(
            store,
            executor=pool,
            kinds={Burning.name: Burning()},
            listener=lambda signal: ended.set() if signal.what == "ended" else None,
        )
        runner.start()

        def job() -> None:
            ended.clear()
            with store.write() as uow:
                uow[Jobs].submit("bench", NewJob(kind=Burning.name, spec=b"{}"))
            ended.wait()

        def bare() -> None:
            for future in [pool.submit(burn, SECONDS) for _ in range(TASKS)]:
                future.result()

        ours, peer = harness.alternate(job, bare, runs=RUNS)
        before = time.process_time()  # of this process, not of its children
        job()
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
