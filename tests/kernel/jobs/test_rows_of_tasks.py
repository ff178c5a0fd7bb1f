"""Rows that are written with finished tasks, and tasks of which one part ends its process."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from assay.kernel.jobs.events import Events
from assay.kernel.jobs.executors.process_pool import LocalPool
from assay.kernel.jobs.job import Job, NewEvent, NewJob
from assay.kernel.jobs.kind import (
    ComputeContext,
    JobKind,
    JobView,
    Stage,
    StageInputs,
    TaskOutput,
    register_kinds,
)
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.payloads import EventPayload
from assay.kernel.jobs.runner import Runner, Signal
from assay.kernel.jobs.states import JobState
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.records import Record, decode, encode
from tests.fixtures.jobs import ORG, JobHarness

TASKS, NUMBERS = 6, 4  # numbers of a task


class Deadly(Record):
    """Numbers that end the process that meets them."""

    numbers: tuple[int, ...] = ()


class Numbers(Record):
    """The numbers of a task, and what is left of them."""

    numbers: tuple[int, ...]


class RowWritten(EventPayload):
    """What this kind writes in place of a row."""

    name: ClassVar[str] = "row"

    what: str
    number: int


class NumberStage(Stage[Numbers, Numbers]):
    """Leaves the numbers that it is given."""

    name: ClassVar[str] = "number"
    payload = Numbers
    partial = Numbers

    def plan(
        self, job: JobView[Deadly], inputs: StageInputs, context: ComputeContext
    ) -> list[Numbers]:
        """Plan all."""
        every = tuple(range(TASKS * NUMBERS))
        return [Numbers(numbers=every[at : at + NUMBERS]) for at in every[::NUMBERS]]

    def run(
        self,
        job: JobView[Deadly],
        payload: Numbers,
        inputs: StageInputs,
        context: ComputeContext,
    ) -> TaskOutput[Numbers]:
        """End the process, or leave the numbers."""
        if set(payload.numbers) & set(job.spec.numbers):
            os.kill(os.getpid(), signal.SIGKILL)
        return TaskOutput(partial=payload, rows=len(payload.numbers), writes=(payload,))

    def apart(self, payload: Numbers) -> Sequence[Numbers]:
        """Return each number alone."""
        return [Numbers(numbers=(one,)) for one in payload.numbers]

    def together(self, partials: Sequence[Numbers]) -> Numbers:
        """Return them in one."""
        return Numbers(numbers=tuple(number for one in partials for number in one.numbers))

    def given_up(self, payload: Numbers) -> TaskOutput[Numbers] | None:
        """Leave the number as a negative one."""
        left = Numbers(numbers=tuple(-one for one in payload.numbers))
        return TaskOutput(partial=left, rows=1, writes=(left,))


class NumberKind(JobKind[Deadly, Numbers]):
    """Numbers that are told as they are handed out and as they are left."""

    name: ClassVar[str] = "numbers"
    spec = Deadly
    result = Numbers
    events = (RowWritten,)
    stages = (NumberStage(),)

    def finish(self, job: JobView[Deadly], inputs: StageInputs, context: ComputeContext) -> Numbers:
        """Return all."""
        return NumberStage().together(inputs.partials(NumberStage))

    def on_tasks_started(self, uow: UnitOfWork, job: Job, payloads: Sequence[Record]) -> None:
        """Tell each number."""
        self._tell(uow, job, "started", payloads)

    def on_tasks_finished(self, uow: UnitOfWork, job: Job, writes: Sequence[Record]) -> None:
        """Tell each number."""
        self._tell(uow, job, "finished", writes)

    def _tell(self, uow: UnitOfWork, job: Job, what: str, found: Sequence[Record]) -> None:
        told = [
            NewEvent.of(RowWritten(what=what, number=number))
            for one in found
            if isinstance(one, Numbers)
            for number in one.numbers
        ]
        uow[Events].append(job.organization_id, job.job_id, told)


KINDS = register_kinds((NumberKind(),))


def submit(harness: JobHarness, *numbers: int) -> Job:
    """Queue a job of which these numbers are deadly."""
    with harness.store.write() as uow:
        new = NewJob(kind="numbers", spec=encode(Deadly(numbers=numbers)))
        return uow[Jobs].submit(ORG, new)


def told(harness: JobHarness, job: Job, what: str) -> list[int]:
    """Return the numbers that were told of."""
    rows = [data for kind, data in harness.events(job) if kind == "row"]
    return [row["number"] for row in rows if row["what"] == what]


def test_each_task_is_told_of_when_it_is_handed_out_and_once_when_it_is_done(
    harness: JobHarness,
) -> None:
    """Every number is told as started before it is told as finished, and as finished once."""
    job = submit(harness)
    harness.runner(kinds=KINDS)
    harness.signals.wait("ended", job)
    every = list(range(TASKS * NUMBERS))
    assert sorted(told(harness, job, "started")) == every
    assert sorted(told(harness, job, "finished")) == every
    rows = [(data["what"], data["number"]) for kind, data in harness.events(job) if kind == "row"]
    assert all(rows.index(("started", one)) < rows.index(("finished", one)) for one in every)
    result = harness.job(job).result
    assert result is not None
    assert decode(Numbers, result).numbers == tuple(every)


def test_a_handover_writes_no_row_again(harness: JobHarness) -> None:
    """A runner that takes a job over writes the rows of the tasks that were not recorded, and no others."""
    job = submit(harness)
    runners: list[Runner] = []

    def listener(news: Signal) -> None:
        harness.signals(news)
        if news.what == "checkpoint" and len(runners) == 1:
            runners.append(harness.runner(kinds=KINDS))
            with harness.store.write() as uow:
                uow[Jobs].release(ORG, job.job_id, 1)

    runners.append(harness.runner(kinds=KINDS, listener=listener))
    harness.signals.wait("ended", job)
    assert Counter(told(harness, job, "finished")) == dict.fromkeys(range(TASKS * NUMBERS), 1)


def test_a_part_that_ends_its_process_is_given_up_alone(harness: JobHarness) -> None:
    """Of a task that ends its processes the deadly part is given up, and the other parts are done."""
    job = submit(harness, 5)
    pool = LocalPool(workers=2)  # whose processes import nothing beforehand: four of them end
    harness.runner(kinds=KINDS, executor=pool)
    harness.signals.wait("ended", job)
    pool.close()
    ended = harness.job(job)
    assert ended.state is JobState.SUCCEEDED, ended.error
    assert ended.result is not None
    wanted = [-one if one == 5 else one for one in range(TASKS * NUMBERS)]
    assert decode(Numbers, ended.result).numbers == tuple(wanted)
    assert sorted(told(harness, job, "finished")) == sorted(wanted)
    with harness.store.read() as uow:
        assert len(uow[Jobs].tasks(ORG, job.job_id)) == TASKS
