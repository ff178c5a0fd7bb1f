"""Blobs of a chain that its next tasks supersede: gone at once, unless somebody else put them."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from sqlalchemy import select

from assay.kernel.errors import DataMissing
from assay.kernel.jobs.job import Job, NewJob
from assay.kernel.jobs.kind import (
    ComputeContext,
    JobKind,
    JobView,
    Stage,
    StageInputs,
    StageMode,
    TaskOutput,
    register_kinds,
)
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.runner import Signal
from assay.kernel.storage import tables
from assay.kernel.storage.blob_references import job_owner
from assay.kernel.storage.usage import Usages
from assay.records import Record, decode, encode
from tests.fixtures.jobs import ORG, JobHarness

STATE_BYTES = 100_000


class StatesSpec(Record):
    """How many states there are."""

    name: str  # tells the states of a test apart from those of others
    states: int
    log: str = ""  # a file that gets the address of each state


class StateNumber(Record):
    """The payload of a task."""

    number: int


class StateAddress(Record):
    """Where a state rests."""

    blob: str


class States(Stage[StateNumber, StateAddress]):
    """Each task reads the last state and leaves the next."""

    name: ClassVar[str] = "state"
    payload = StateNumber
    partial = StateAddress
    mode = StageMode.CHAIN

    def plan(
        self, job: JobView[StatesSpec], inputs: StageInputs, context: ComputeContext
    ) -> list[StateNumber]:
        """Plan all."""
        return [StateNumber(number=number) for number in range(job.spec.states)]

    def run(
        self,
        job: JobView[StatesSpec],
        payload: StateNumber,
        inputs: StageInputs,
        context: ComputeContext,
    ) -> TaskOutput[StateAddress]:
        """Count on from the state before."""
        last = inputs.last(States)
        if last is not None:
            before = context.blobs.read(last.blob)
            assert before == state_of(job.spec.name, payload.number - 1)
        blob = context.blobs.put(state_of(job.spec.name, payload.number))
        if job.spec.log:
            with Path(job.spec.log).open("a") as log:
                log.write(f"{blob}\n")
        return TaskOutput(
            partial=StateAddress(blob=blob),
            blob=blob,
            superseded=() if last is None else (last.blob,),
        )


class StatesKind(JobKind[StatesSpec, StateAddress]):
    """A chain of states."""

    name: ClassVar[str] = "states"
    spec = StatesSpec
    result = StateAddress
    stages = (States(),)

    def finish(
        self, job: JobView[StatesSpec], inputs: StageInputs, context: ComputeContext
    ) -> StateAddress:
        """Return the last state."""
        return inputs.partials(States)[-1]


KINDS = register_kinds((StatesKind(),))


def state_of(name: str, number: int) -> bytes:
    """Return a large state."""
    return f"{name} {number} ".encode().ljust(STATE_BYTES, b".")


def submit(harness: JobHarness, name: str, states: int) -> tuple[Job, Path]:
    """Queue a chain; return it and the log of its states."""
    log = harness.folder / "log"
    spec = StatesSpec(name=name, states=states, log=str(log))
    with harness.store.write() as uow:
        return uow[Jobs].submit(ORG, NewJob(kind="states", spec=encode(spec))), log


def kept_by(harness: JobHarness, job: Job) -> list[str]:
    """Return the blobs that a job keeps."""
    references = tables.blob_references.c
    with harness.store.read() as uow:
        rows = uow.select(select(references.blob).where(references.owner == job_owner(job.job_id)))
    return [row.blob for row in rows]


def there(harness: JobHarness, address: str) -> bool:
    """Say whether a blob can be read."""
    try:
        harness.blobs.verify(ORG, address)
    except DataMissing:
        return False
    return True


def test_a_superseded_state_is_gone_with_the_commit_of_the_next(harness: JobHarness) -> None:
    """Of a chain of any length one state is stored at a time, and counts in what is used."""
    used: list[int] = []

    def listener(signal: Signal) -> None:
        if signal.what == "checkpoint":
            with harness.store.read() as uow:
                used.append(uow[Usages].of(ORG).blobs)
        harness.signals(signal)

    job, log = submit(harness, "plain", 20)
    harness.runner(kinds=KINDS, listener=listener)
    harness.signals.wait("ended", job)
    result = harness.job(job).result
    assert result is not None, harness.job(job).error
    states = log.read_text().split()
    assert decode(StateAddress, result).blob == states[-1]
    assert [there(harness, one) for one in states] == [False] * 19 + [True]
    assert kept_by(harness, job) == states[-1:]
    assert set(used) == {1}


def test_a_state_that_somebody_else_put_too_stays(harness: JobHarness) -> None:
    """What has the same content, and was put before or since, is not deleted with the state."""
    before = harness.blobs.put(ORG, state_of("shared", 3))
    job, log = submit(harness, "shared", 6)
    harness.runner(kinds=KINDS)
    harness.signals.wait("ended", job)
    states = log.read_text().split()
    assert states[3] == before
    assert [there(harness, one) for one in states] == [False, False, False, True, False, True]
    assert kept_by(harness, job) == states[-1:]


def test_a_state_of_a_former_run_is_left_to_the_collector(harness: JobHarness) -> None:
    """After a handover the state of the run before is kept by nobody, and goes on as it was."""
    job, log = submit(harness, "handed over", 400)
    first = harness.runner(kinds=KINDS, lease_seconds=60)
    harness.signals.wait("checkpoint", job, count=3)
    first.stop()
    harness.signals.wait("released", job)
    [handed] = kept_by(harness, job)
    harness.runner(kinds=KINDS)
    harness.signals.wait("ended", job)
    assert harness.job(job).result is not None, harness.job(job).error
    states = list(dict.fromkeys(log.read_text().split()))
    assert len(states) == 400
    assert kept_by(harness, job) == states[-1:]
    assert handed in states
    # The last state of the run before, and one that it had not committed, may be left.
    left = [one for one in states if there(harness, one)]
    assert left[-1] == states[-1]
    assert len(left) <= 3
