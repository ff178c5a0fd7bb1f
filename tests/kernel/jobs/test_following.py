"""Stages whose tasks follow those of another: run meanwhile, exact after any stop, in bounded storage."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import ClassVar

import pytest

from assay.kernel.jobs.blobs import JobBlobs
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
from assay.kernel.jobs.payloads import EventPayload
from assay.kernel.jobs.runner import Signal
from assay.kernel.jobs.states import JobState
from assay.kernel.storage.blobs import open_blobs
from assay.records import Record, decode, encode, sha256_hex
from tests.fixtures.jobs import ORG, Gate, JobHarness
from tests.kernel.jobs.test_superseded_blobs import kept_by, there
from tests.support.kind_in_process import run_in_process

USES = 2  # that follow each task


class PourSpec(Record):
    """How many cups are filled."""

    name: str  # tells the contents of a test apart from those of others
    cups: int
    alike: bool = False  # whether all cups have the same content
    gate: str = ""  # a file whose lock the last cup waits for
    broken: bool = False  # whether planning their use fails


class Cup(Record):
    """The payload of a task, and what it leaves."""

    number: int
    blob: str = ""


class Used(EventPayload):
    """A cup was used."""

    name: ClassVar[str] = "used"

    number: int


class Fill(Stage[Cup, Cup]):
    """Each task leaves a blob."""

    name: ClassVar[str] = "fill"
    payload = Cup
    partial = Cup

    def plan(
        self, job: JobView[PourSpec], inputs: StageInputs, context: ComputeContext
    ) -> list[Cup]:
        """Plan all cups."""
        return [Cup(number=number) for number in range(job.spec.cups)]

    def run(
        self, job: JobView[PourSpec], payload: Cup, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[Cup]:
        """Fill a cup."""
        if job.spec.gate and payload.number == job.spec.cups - 1:
            with Path(job.spec.gate).open() as gate:
                fcntl.flock(gate, fcntl.LOCK_SH)
        blob = context.blobs.put(content(job.spec, payload.number))
        return TaskOutput(partial=Cup(number=payload.number, blob=blob), blob=blob)


class Use(Stage[Cup, Cup]):
    """Reads what one cup holds."""

    name: ClassVar[str] = "use"
    payload = Cup
    partial = Cup
    follows = Fill

    def following(self, job: JobView[PourSpec], partial: Cup) -> list[Cup]:
        """Use each cup several times."""
        if job.spec.broken:
            raise KeyError(partial.number)
        return [partial] * USES

    def run(
        self, job: JobView[PourSpec], payload: Cup, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[Cup]:
        """Read it."""
        assert context.blobs.read(payload.blob) == content(job.spec, payload.number)
        return TaskOutput(partial=payload, events=(Used(number=payload.number),))


class Pour(JobKind[PourSpec, Cup]):
    """Cups that are filled and used."""

    name: ClassVar[str] = "pour"
    spec = PourSpec
    result = Cup
    events = (Used,)
    stages = (Fill(), Use())

    def finish(self, job: JobView[PourSpec], inputs: StageInputs, context: ComputeContext) -> Cup:
        """Tell the last use, and how many there were."""
        uses = inputs.partials(Use)
        assert [one.number for one in uses] == sorted(one.number for one in uses)
        return Cup(number=len(uses), blob=uses[-1].blob)


KINDS = register_kinds((Pour(),))


def content(spec: PourSpec, number: int) -> bytes:
    """Return what a cup holds."""
    return f"{spec.name} {0 if spec.alike else number}".encode()


def submit(harness: JobHarness, spec: PourSpec) -> Job:
    """Queue a job."""
    with harness.store.write() as uow:
        return uow[Jobs].submit(ORG, NewJob(kind="pour", spec=encode(spec)))


def used(harness: JobHarness, job: Job) -> list[int]:
    """Return the cups that were used, in order."""
    return sorted(data["number"] for kind, data in harness.events(job) if kind == "used")


def check_ended(harness: JobHarness, job: Job, cups: int) -> None:
    """Check that each cup was used as often as it should, and that none is kept."""
    result = harness.job(job).result
    assert result is not None, harness.job(job).error
    assert decode(Cup, result).number == cups * USES
    assert used(harness, job) == sorted([*range(cups)] * USES)
    assert kept_by(harness, job) == []


def test_tasks_run_while_others_of_the_stage_before_still_do(
    harness: JobHarness, gate: Gate
) -> None:
    """The last task of the first stage ends only once all that follow the others have finished."""

    def listener(signal: Signal) -> None:
        if signal.what == "checkpoint" and len(used(harness, job)) == 5 * USES:
            gate.open()
        harness.signals(signal)

    job = submit(harness, PourSpec(name="meanwhile", cups=6, gate=str(gate.path)))
    harness.runner(kinds=KINDS, listener=listener)
    harness.signals.wait("ended", job)
    check_ended(harness, job, 6)


@pytest.mark.parametrize("alike", [False, True])
def test_few_blobs_are_stored_at_a_time(harness: JobHarness, alike: bool) -> None:
    """A blob is let go with its last use, as many as there are; one that others still use stays."""
    kept: list[int] = []

    def listener(signal: Signal) -> None:
        if signal.what == "checkpoint":
            kept.append(len(kept_by(harness, job)))
        harness.signals(signal)

    spec = PourSpec(name="few", cups=24, alike=alike)
    job = submit(harness, spec)
    harness.runner(kinds=KINDS, listener=listener)
    harness.signals.wait("ended", job)
    check_ended(harness, job, 24)
    assert 1 <= max(kept) <= 3 * harness.pool.parallelism
    if not alike:  # of those that several tasks put some are left to the collector
        assert not any(there(harness, address(spec, number)) for number in range(24))


def address(spec: PourSpec, number: int) -> str:
    """Return where a cup rested."""
    return f"sha256:{sha256_hex(content(spec, number))}"


def test_a_handover_repeats_no_task(harness: JobHarness, gate: Gate) -> None:
    """A runner stopped between the tasks leaves the next one those that are missing, with their blobs."""
    job = submit(harness, PourSpec(name="handed over", cups=40, gate=str(gate.path)))
    first = harness.runner(kinds=KINDS, lease_seconds=60)
    harness.signals.wait("checkpoint", job, count=4)
    first.stop()
    harness.signals.wait("released", job)
    assert len(used(harness, job)) < 40 * USES
    harness.runner(kinds=KINDS)
    gate.open()
    harness.signals.wait("ended", job)
    check_ended(harness, job, 40)


def test_any_cut_gives_the_same_result(tmp_path: Path) -> None:
    """Whatever finished before a stop is not run again, and the result has the same bytes."""
    blobs = JobBlobs(open_blobs(tmp_path), ORG)
    spec = PourSpec(name="cut", cups=4)
    whole = run_in_process(Pour(), spec, blobs)
    assert len(whole.tasks) == 4 + 4 * USES
    for count in range(len(whole.records) + 1):
        rest = run_in_process(Pour(), spec, blobs, whole.records[:count])
        assert sorted(rest.tasks) == sorted(whole.tasks[count:])
        assert rest.result == whole.result


def test_what_follows_and_cannot_be_planned_ends_the_job(harness: JobHarness) -> None:
    """An error of the kind's own code is the job's, and no runner is lost to it."""
    job = submit(harness, PourSpec(name="broken", cups=2, broken=True))
    harness.runner(kinds=KINDS)
    harness.signals.wait("ended", job)
    assert harness.job(job).state is JobState.FAILED


def test_stages_that_follow_wrongly_are_refused_at_start() -> None:
    """What follows comes later, follows a planned stage, and waits for nothing else."""

    class Reading(Use):
        reads = (Fill,)

    class Ordered(Use):
        mode = StageMode.ORDERED

    class Second(Use):
        name = "second"
        follows = Use

    for stages, message in (
        ((Use(), Fill()), "no planned one before"),
        ((Fill(), Use(), Second()), "no planned one before"),
        ((Fill(), Reading()), "reads no stage"),
        ((Fill(), Ordered()), "is PARALLEL"),
    ):
        kind = type("Wrong", (Pour,), {"stages": stages})()
        with pytest.raises(TypeError, match=message):
            register_kinds((kind,))
