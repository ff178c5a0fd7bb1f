"""Job kinds: parallel and ordered stages and chains, and payloads that must be registered."""

from __future__ import annotations

import pickle
from concurrent.futures import Future
from pathlib import Path
from typing import Any, ClassVar

import pytest

from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.job import NewJob
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
from assay.kernel.jobs.payloads import EventPayload, StatusPayload
from assay.kernel.storage.blobs import open_blobs
from assay.records import Record, decode, encode
from tests.fixtures.jobs import ORG, JobHarness
from tests.support.kind_in_process import run_in_process

WEIGHTS = "w" * 1_000


class ChainSpec(Record):
    """How long the chain is."""

    epochs: int
    stop_at: int | None = None  # an epoch that ends the chain early


class Epoch(Record):
    """The payload of an epoch."""

    number: int


class Weights(Record):
    """What an epoch leaves to the next."""

    epochs: int
    data: str = WEIGHTS


class EpochFinished(EventPayload):
    """An epoch has ended."""

    name: ClassVar[str] = "epoch"

    number: int


class Loss(StatusPayload):
    """The newest loss."""

    name: ClassVar[str] = "loss"

    value: float


class Epochs(Stage[Epoch, Weights]):
    """Each epoch goes on where the last one ended."""

    name: ClassVar[str] = "epoch"
    payload = Epoch
    partial = Weights
    mode = StageMode.CHAIN

    def plan(
        self, job: JobView[ChainSpec], inputs: StageInputs, context: ComputeContext
    ) -> list[Epoch]:
        """Plan all epochs."""
        return [Epoch(number=number) for number in range(job.spec.epochs)]

    def run(
        self, job: JobView[ChainSpec], payload: Epoch, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[Weights]:
        """Count on."""
        last = inputs.last(Epochs)
        done = 0 if last is None else last.epochs
        assert done == payload.number
        return TaskOutput(
            partial=Weights(epochs=done + 1),
            events=(EpochFinished(number=payload.number),),
            status=(Loss(value=1 / (done + 1)),),
            ends_stage=payload.number == job.spec.stop_at,
        )


class Export(Stage[Epoch, Weights]):
    """Reads what the chain has left; its tasks run one after another."""

    name: ClassVar[str] = "export"
    payload = Epoch
    partial = Weights
    mode = StageMode.ORDERED
    reads = (Epochs,)

    def plan(
        self, job: JobView[ChainSpec], inputs: StageInputs, context: ComputeContext
    ) -> list[Epoch]:
        """Plan two tasks."""
        return [Epoch(number=len(inputs.partials(Epochs)) + extra) for extra in range(2)]

    def run(
        self, job: JobView[ChainSpec], payload: Epoch, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[Weights]:
        """Leave the number of epochs."""
        return TaskOutput(partial=Weights(epochs=payload.number, data=""))


class Chain(JobKind[ChainSpec, Weights]):
    """A chain of epochs and an export."""

    name: ClassVar[str] = "chain"
    spec = ChainSpec
    result = Weights
    events = (EpochFinished,)
    status = (Loss,)
    stages = (Epochs(), Export())

    def finish(
        self, job: JobView[ChainSpec], inputs: StageInputs, context: ComputeContext
    ) -> Weights:
        """Return the last export."""
        return inputs.partials(Export)[-1]


class CountingExecutor:
    """Runs each call at once, here, and counts the bytes that another process would be sent."""

    parallelism = 2
    is_usable = True

    def __init__(self) -> None:
        self.bytes: list[int] = []
        self.running = 0

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run the call and return its future."""
        payload = pickle.dumps((fn, args, kwargs))
        self.bytes.append(len(payload))
        future: Future[Any] = Future()
        called, sent, named = pickle.loads(payload)
        try:
            future.set_result(called(*sent, **named))
        except Exception as error:
            future.set_exception(error)
        return future

    def abandon(self, futures: Any) -> None:
        """Nothing runs any more."""

    def close(self) -> None:
        """Nothing to stop."""


def run_chain(harness: JobHarness, epochs: int) -> list[int]:
    """Run a chain of so many epochs by a runner; return the bytes of each call."""
    executor = CountingExecutor()
    runner = harness.runner(executor=executor, kinds=register_kinds((Chain(),)))
    with harness.store.write() as uow:
        spec = encode(ChainSpec(epochs=epochs))
        job = uow[Jobs].submit(ORG, NewJob(kind="chain", spec=spec))
    harness.signals.wait("ended", job)
    runner.stop()
    harness.runners.remove(runner)
    ended = harness.job(job)
    assert ended.result is not None, ended.error
    assert decode(Weights, ended.result).epochs == epochs + 1
    assert [data["number"] for kind, data in harness.events(job) if kind == "epoch"] == list(
        range(epochs)
    )
    return executor.bytes


def test_a_chain_of_n_tasks_hands_on_bytes_that_grow_with_n(harness: JobHarness) -> None:
    """Of a chain each task is sent the last result alone: twice the epochs, twice the bytes."""
    sent = [sum(run_chain(harness, epochs)) for epochs in (50, 100, 200)]
    assert sent[2] - sent[1] < 2.2 * (sent[1] - sent[0])


def test_a_chain_ends_early_and_a_later_stage_reads_what_there_is(tmp_path: Path) -> None:
    """A task that ends its stage is the last one; stages that read it see the tasks that ran."""
    blobs = JobBlobs(open_blobs(tmp_path), ORG)
    run = run_in_process(Chain(), ChainSpec(epochs=9, stop_at=3), blobs)
    assert run.tasks == [*(f"epoch-{number:06d}" for number in range(4)), "export-000000",
                         "export-000001"]  # fmt: skip  # keys in order
    assert decode(Weights, run.result).epochs == 5


def test_an_unregistered_event_is_refused_when_it_is_emitted(tmp_path: Path) -> None:
    """A task that emits what its kind has not registered fails."""

    class Silent(Chain):
        events = ()

    blobs = JobBlobs(open_blobs(tmp_path), ORG)
    with pytest.raises(TypeError, match="has not registered EpochFinished"):
        run_in_process(Silent(), ChainSpec(epochs=1), blobs)


def test_kinds_that_declare_themselves_wrongly_are_refused_at_start() -> None:
    """Names that are taken, payloads of the wrong base and stages out of order are refused."""

    class Twice(Chain):
        events = (EpochFinished, EpochFinished)

    class Misplaced(Chain):
        status = (EpochFinished,)  # type: ignore[assignment]  # wrong on purpose

    class Backward(Chain):
        stages = (Export(), Epochs())

    class Reserved(EventPayload):
        name: ClassVar[str] = "state"

    class Kernel(Chain):
        events = (Reserved,)

    for kinds, message in (
        ((Chain(), Chain()), "two kinds"),
        ((Twice(),), "two payloads"),
        ((Misplaced(),), "no StatusPayload"),
        ((Backward(),), "reads Epochs"),
        ((Kernel(),), "two payloads"),
    ):
        with pytest.raises(TypeError, match=message):
            register_kinds(kinds)
