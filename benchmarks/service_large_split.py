"""The memory of the service while a large split is stored and trained on.

Rows of 64 numbers are made as they are sent. Memory is the proportional set size, above what a
warm, idle service holds: of server and runner, and of the compute processes, of these without the
files that they map, which the kernel takes back at need. The same is done with a fraction of the
rows; what is flat is alike in both.
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import harness  # noqa: F401 — fixes the numeric environment before numpy is imported
import numpy as np
import processes
import projects
import pyarrow as pa
from projects import Project

from assay.learning.rows import NUMBER, TaskType, canonical_schema

ROWS = 640_000  # some 330 MB
FRACTION = 8
FEATURES = 64
BATCH = 10_000
CLASSES = 4
HYPERPARAMETERS = {"algorithm": "linear", "num_train_epochs": 2, "batch_size": 256}
MAX_GROWTH_MIB = 64  # from the fraction to the whole, of server and runner
MAX_COMPUTE_GROWTH_MIB = 64  # and of all compute processes together
TASK = TaskType.TABULAR_CLASSIFICATION
NAMES = [f"x{number:02d}" for number in range(FEATURES)]
SCHEMA = canonical_schema(TASK, [pa.field(name, NUMBER) for name in NAMES])


def batches(rows: int, seed: int) -> Iterator[pa.RecordBatch]:
    """Yield rows whose class follows from their numbers."""
    weights = np.random.default_rng(1).normal(size=(FEATURES, CLASSES))
    for first in range(0, rows, BATCH):
        draw = np.random.default_rng([seed, first])
        count = min(BATCH, rows - first)
        numbers = draw.normal(size=(count, FEATURES))
        columns = {
            "row_id": [f"row-{seed}-{first + row}" for row in range(count)],
            **{name: numbers[:, at].copy() for at, name in enumerate(NAMES)},
            "label": np.argmax(numbers @ weights, axis=1).astype(str),
        }
        yield pa.RecordBatch.from_pydict(columns, schema=SCHEMA)


@dataclass(frozen=True, kw_only=True)
class Held:
    """MiB of server and runner, and of the compute processes without mapped files."""

    service: float
    compute: float

    @classmethod
    def now(cls, service: processes.Service) -> Held:
        """Return what is held now."""
        pids = processes.python_processes(service)
        return cls(
            service=processes.mebibytes([service.pid]),
            compute=processes.mebibytes([pid for pid in pids if pid != service.pid], "Pss_Anon"),
        )

    def greatest(self, other: Held) -> Held:
        """Return the greater of each."""
        return Held(
            service=max(self.service, other.service), compute=max(self.compute, other.compute)
        )


def watched(service: processes.Service, call: Callable[[], object]) -> Held:
    """Return the most that was held while `call` ran."""
    ended = threading.Event()
    most = Held.now(service)

    def look() -> None:
        nonlocal most
        while not ended.wait(0.2):  # memory tells nobody when it grows
            most = most.greatest(Held.now(service))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        call()
    finally:
        ended.set()
        thread.join()
    return most


def stored_and_trained(service: processes.Service, name: str, rows: int) -> tuple[Held, Held]:
    """Return the most that was held while rows were stored, and while they were trained on."""
    project = Project(
        service=service, channel=projects.channel_of(service), name=name, task_type=TASK
    )
    project.upload("test", projects.arrow_file(batches(BATCH, 2)))
    storing = watched(
        service, lambda: project.upload("train", projects.arrow_file(batches(rows, 1)))
    )
    return storing, watched(service, lambda: project.run("training", HYPERPARAMETERS))


def main() -> int:
    """Print what was held; 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    rows = parser.parse_args().rows
    with processes.service(workers="2") as service:
        stored_and_trained(service, "warm", BATCH)
        idle = Held.now(service)
        few = stored_and_trained(service, "fraction", rows // FRACTION)
        many = stored_and_trained(service, "whole", rows)
    size = rows * FEATURES * 8 / 1e6
    print(f"\nA split of {rows:,} rows, {size:.0f} MB, and {1 / FRACTION:g} of it; MiB")
    print(f"  idle: {idle.service:.0f} server and runner, {idle.compute:.0f} compute processes")
    missed = False
    for what, less, more in zip(("stored", "trained on"), few, many, strict=True):
        for who, small, large, start, bar in (
            ("server and runner", less.service, more.service, idle.service, MAX_GROWTH_MIB),
            ("compute", less.compute, more.compute, idle.compute, MAX_COMPUTE_GROWTH_MIB),
        ):
            growth = large - small
            missed |= growth > bar
            print(
                f"  {what}: {who} +{small - start:.0f} then +{large - start:.0f},"
                f" growth {growth:.0f}, bar ≤ {bar}: {'MISSED' if growth > bar else 'ok'}"
            )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
