"""Stages planned in waves: each wave from what those before it left, and exact after any stop."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import ClassVar

import pytest

from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.job import NewJob, TaskRecord
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
from assay.kernel.jobs.states import JobState
from assay.kernel.storage.blobs import open_blobs
from assay.records import Record, decode, encode
from tests.fixtures.jobs import ORG, Gate, JobHarness
from tests.support.kind_in_process import run_in_process


class SearchSpec(Record):
    """How many trials there are in each wave."""

    waves: tuple[int, ...]
    gate: str = ""  # a file whose lock the last trial waits for
    log: str = ""  # a file that names the trials that ran


class Trial(Record):
    """The payload of a trial: what it starts from depends on all trials of the waves before."""

    number: int
    start: int


class TrialResult(Record):
    """What a trial leaves."""

    number: int
    value: int


class Trials(Stage[Trial, TrialResult]):
    """Trials in waves."""

    name: ClassVar[str] = "trial"
    payload = Trial
    partial = TrialResult
    mode = StageMode.WAVES

    def plan(
        self, job: JobView[SearchSpec], inputs: StageInputs, context: ComputeContext
    ) -> list[Trial]:
        """Plan the wave that follows the trials that have finished."""
        done = inputs.partials(Trials)
        assert [one.number for one in done] == list(range(len(done)))
        ends = [sum(job.spec.waves[: wave + 1]) for wave in range(len(job.spec.waves))]
        assert len(done) in (0, *ends), "a wave was planned before the one before had finished"
        size = next((end - len(done) for end in ends if end > len(done)), 0)
        start = sum((one.number + 1) * one.value for one in done) % 1_000_003
        return [Trial(number=len(done) + index, start=start) for index in range(size)]

    def expected(self, job: JobView[SearchSpec]) -> int:
        """Return the number of all trials."""
        return sum(job.spec.waves)

    def run(
        self,
        job: JobView[SearchSpec],
        payload: Trial,
        inputs: StageInputs,
        context: ComputeContext,
    ) -> TaskOutput[TrialResult]:
        """Compute a value from the start and the number."""
        if job.spec.log:
            with Path(job.spec.log).open("a") as log:
                log.write(f"{payload.number}\n")
        if job.spec.gate and payload.number == sum(job.spec.waves) - 1:
            with Path(job.spec.gate).open() as gate:
                fcntl.flock(gate, fcntl.LOCK_SH)
        value = (payload.start * 31 + payload.number * 7 + 1) % 1_000_003
        return TaskOutput(partial=TrialResult(number=payload.number, value=value))


class Refit(Stage[Trial, TrialResult]):
    """One task that reads all trials."""

    name: ClassVar[str] = "refit"
    payload = Trial
    partial = TrialResult
    reads = (Trials,)

    def plan(
        self, job: JobView[SearchSpec], inputs: StageInputs, context: ComputeContext
    ) -> list[Trial]:
        """Plan it from the last trial."""
        trials = inputs.partials(Trials)
        assert len(trials) == sum(job.spec.waves)
        return [Trial(number=len(trials), start=trials[-1].value if trials else 0)]

    def run(
        self,
        job: JobView[SearchSpec],
        payload: Trial,
        inputs: StageInputs,
        context: ComputeContext,
    ) -> TaskOutput[TrialResult]:
        """Leave the start."""
        return TaskOutput(partial=TrialResult(number=payload.number, value=payload.start))


class SearchResult(Record):
    """The values of all trials and of the refit."""

    values: tuple[int, ...]


class Search(JobKind[SearchSpec, SearchResult]):
    """Trials in waves and a refit."""

    name: ClassVar[str] = "search"
    spec = SearchSpec
    result = SearchResult
    stages = (Trials(), Refit())

    def finish(
        self, job: JobView[SearchSpec], inputs: StageInputs, context: ComputeContext
    ) -> SearchResult:
        """Return all values."""
        both = (*inputs.partials(Trials), *inputs.partials(Refit))
        return SearchResult(values=tuple(one.value for one in both))


KINDS = register_kinds((Search(),))
SPEC = SearchSpec(waves=(4, 1, 3, 5))


@pytest.fixture
def job_blobs(tmp_path: Path) -> JobBlobs:
    """The blobs of an organization."""
    return JobBlobs(open_blobs(tmp_path), ORG)


def test_each_wave_is_planned_from_all_waves_before(job_blobs: JobBlobs) -> None:
    """A wave's tasks run when the last wave has finished; stages that read it when none follows."""
    run = run_in_process(Search(), SPEC, job_blobs)
    waves = [key.split("-")[1] for key in run.tasks if key.startswith("trial")]
    assert waves == sorted(waves)
    assert [waves.count(f"{wave:06d}") for wave in range(4)] == list(SPEC.waves)
    assert run.tasks[-1] == "refit-000000"
    assert len(set(decode(SearchResult, run.result).values)) > 12


def test_a_stage_may_plan_no_wave(job_blobs: JobBlobs) -> None:
    """A stage whose first wave is empty has ended, and what reads it begins."""
    assert run_in_process(Search(), SearchSpec(waves=()), job_blobs).tasks == ["refit-000000"]


@pytest.mark.parametrize("backward", [False, True])
def test_a_stop_after_any_task_changes_no_bit(job_blobs: JobBlobs, backward: bool) -> None:
    """Whatever finished before a stop is not run again, and the result has the same bytes."""
    whole = run_in_process(Search(), SPEC, job_blobs)
    for count in range(len(whole.records) + 1):
        kept: list[TaskRecord] = whole.records[:count]
        rest = run_in_process(Search(), SPEC, job_blobs, kept[::-1] if backward else kept)
        assert sorted(rest.tasks) == sorted(whole.tasks[count:])
        assert rest.result == whole.result


def test_a_task_that_runs_beside_others_cannot_end_its_stage(job_blobs: JobBlobs) -> None:
    """Ending a stage early is for stages whose tasks run one by one."""

    class Ending(Refit):
        def run(self, *args: object) -> TaskOutput[TrialResult]:
            return TaskOutput(partial=TrialResult(number=0, value=0), ends_stage=True)

    class Wrong(Search):
        stages = (Trials(), Ending())

    with pytest.raises(TypeError, match="others run beside it"):
        run_in_process(Wrong(), SPEC, job_blobs)


def test_a_handover_in_the_middle_of_a_wave_redoes_nothing(harness: JobHarness, gate: Gate) -> None:
    """A runner stopped in a wave leaves it to the next, which runs only what is missing."""
    log = harness.folder / "log"
    spec = SearchSpec(waves=SPEC.waves, gate=str(gate.path), log=str(log))
    with harness.store.write() as uow:
        job = uow[Jobs].submit(ORG, NewJob(kind="search", spec=encode(spec)))
        plain = uow[Jobs].submit(ORG, NewJob(kind="search", spec=encode(SPEC)))
    first = harness.runner(kinds=KINDS, lease_seconds=60)
    harness.signals.wait("ended", plain)
    harness.signals.wait("checkpoint", job, count=4)
    first.stop()
    harness.signals.wait("released", job)
    with harness.store.read() as uow:
        done = [record.key for record in uow[Jobs].tasks(ORG, job.job_id)]
    harness.runner(kinds=KINDS)
    gate.open()
    harness.signals.wait("ended", job)
    ran = log.read_text().split()
    assert all(ran.count(str(int(key[-6:]))) == 1 for key in done)
    assert harness.job(job).state is JobState.SUCCEEDED
    assert harness.job(job).result == harness.job(plain).result


def test_progress_counts_the_waves_that_are_expected(harness: JobHarness) -> None:
    """The total holds from the first wave on, although later waves are not planned yet."""
    seen: list[tuple[int, int]] = []

    def listener(signal: Signal) -> None:
        if signal.what == "checkpoint":
            progress = harness.levels(job)["progress"]
            seen.append((progress["done"], progress["total"]))
        harness.signals(signal)

    with harness.store.write() as uow:
        job = uow[Jobs].submit(ORG, NewJob(kind="search", spec=encode(SPEC)))
    harness.runner(kinds=KINDS, listener=listener)
    harness.signals.wait("ended", job)
    assert {total for done, total in seen if done < 13} == {13}
    assert seen[-1] == (14, 14)
