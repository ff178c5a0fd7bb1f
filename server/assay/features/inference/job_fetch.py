"""The fetching of inputs from a storage of objects, in processes that wait for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import Any, ClassVar

from assay.features.inference.events import InputFinished
from assay.features.inference.job import InferenceKind, PredictStage, manifest_of
from assay.features.inference.job_prediction import engine_name
from assay.features.inference.job_spec import (
    FetchedInput,
    FetchTask,
    InferenceSpec,
    PredictTask,
    fetch_tasks_of,
    fetched_tasks_of,
)
from assay.features.inference.model import (
    MAX_INPUT_BYTES,
    STORAGE_KIND,
    FinishedInput,
    InputState,
    Item,
    NewInput,
    Piece,
)
from assay.features.inference.store import InferenceJobs
from assay.kernel.clock import Clock
from assay.kernel.errors import AddressNotAllowed, AssayError, RemoteFailed, TooLarge
from assay.kernel.jobs.job import Job
from assay.kernel.jobs.kind import ComputeContext, JobView, Stage, StageInputs, TaskOutput
from assay.kernel.object_storage import ObjectStorage, Patience
from assay.kernel.storage.blobs import BlobWriter
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.records import Record, replace

PATIENCE = Patience(whole=120.0)
MOST_SILENT = 2  # inputs without an answer, none fetched between them, until a task gives up
UNTRIED = (
    "The storage did not answer for the inputs before this one, so it was not asked for this one. "
    "Submit it again."
)
_ANSWERED = frozenset({"status", "content_encoding"})  # of errors that an answer made


class Fetched(Record):
    """What a task brought to rest; what failed is in the rows of its inputs."""

    inputs: tuple[FetchedInput, ...]


class FetchStage(Stage[FetchTask, Fetched]):
    """The fetching of all inputs; each task leaves one blob with all that it fetched."""

    name = "fetch"
    payload = FetchTask
    partial = Fetched

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()

    def waits(self, job: JobView[Any]) -> bool:
        """Return True: another machine is waited for."""
        return True

    def plan(
        self, job: JobView[Any], inputs: StageInputs, context: ComputeContext
    ) -> Iterable[FetchTask]:
        """Return tasks of consecutive inputs."""
        del inputs
        return fetch_tasks_of(manifest_of(job.spec, context.blobs).inputs)

    def run(
        self, job: JobView[Any], payload: FetchTask, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[Fetched]:
        """Fetch the inputs of a task; one that cannot be fetched fails alone."""
        del inputs
        assert context.settings.sealer is not None, "the runner gives every task its sealer"
        opened = ObjectStorage(
            job.spec.storage.opened(context.settings.sealer),
            allowed_networks=context.settings.allowed_networks,
            patience=PATIENCE,
        )
        limit = _room(job.spec) * len(payload.inputs) * 2  # with attempts that were cut off
        with closing(opened) as storage, context.blobs.put_stream(limit=limit) as writer:
            fetching = _Fetching(storage, writer, self._clock, _room(job.spec))
            for position, one in enumerate(payload.inputs, start=payload.first):
                fetching.add(position, one)
            address = writer.finish() if any(one.input.size for one in fetching.found) else None
        found = tuple(replace(one, input=_placed(one.input, address)) for one in fetching.found)
        failed = tuple(fetching.failed)
        return TaskOutput(
            partial=Fetched(inputs=found),
            events=tuple(map(InputFinished.of, failed)),
            rows=len(failed) or None,
            blob=address,
            writes=(*failed, *found),
        )


class _Fetching:
    """The inputs of one task, as they are fetched into one blob."""

    def __init__(self, storage: ObjectStorage, writer: BlobWriter, clock: Clock, room: int) -> None:
        self._storage, self._writer, self._clock = storage, writer, clock
        self._room = room  # bytes of one input
        self._silent = 0  # inputs without an answer since the last one that was fetched
        self.found: list[FetchedInput] = []
        self.failed: list[FinishedInput] = []

    def add(self, position: int, one: NewInput) -> None:
        """Fetch one input, or note why it cannot be."""
        started_at, began = self._clock.now(), self._clock.monotonic()
        try:
            if self._silent >= MOST_SILENT:
                raise RemoteFailed(UNTRIED)
            items = tuple(self._fetched(one))
        except (AddressNotAllowed, RemoteFailed, TooLarge) as error:
            self._silent += _is_unanswered(error)
            self.failed.append(
                FinishedInput(
                    position=position,
                    name=one.name,
                    state=InputState.FAILED,
                    engine=engine_name(),
                    started_at=started_at,
                    ended_at=self._clock.now(),
                    elapsed_ms=max(0, round((self._clock.monotonic() - began) * 1000)),
                    error=error.message,
                )
            )
        else:
            self._silent = 0
            self.found.append(
                FetchedInput(position=position, input=NewInput(name=one.name, items=items))
            )

    def _fetched(self, one: NewInput) -> Iterator[Item]:
        room = self._room
        for item in one.items:
            assert item.location is not None, "every item of such a job is an object"
            piece = self._storage.read(item.location, partial(self._write), limit=room)
            room -= piece.size
            yield replace(item, size=piece.size, location=None, pieces=(piece,))

    def _write(self, blocks: Iterable[bytes]) -> Piece:
        """Write an object, and return its place in the blob, which has no address yet."""
        offset = self._writer.size  # what an attempt before left stays unread
        for block in blocks:
            self._writer.write(block)
        return Piece(blob="", offset=offset, size=self._writer.size - offset)


def _room(spec: InferenceSpec) -> int:
    """Return how many bytes of an input are fetched: more the version does not take."""
    return min(MAX_INPUT_BYTES, sum(one.maximum_size for one in spec.inputs))


def _is_unanswered(error: AssayError) -> bool:
    """Say whether an error came without an answer, and so after a wait: the next may last as long."""
    return isinstance(error, RemoteFailed) and _ANSWERED.isdisjoint(error.metadata)


def _placed(one: NewInput, address: str | None) -> NewInput:
    """Return an input whose pieces are of a blob; without one all of them are empty."""
    return replace(one, items=tuple(_item(item, address) for item in one.items))


def _item(item: Item, address: str | None) -> Item:
    if address is None:
        return replace(item, pieces=(), inline=b"")
    return replace(item, pieces=tuple(replace(piece, blob=address) for piece in item.pieces))


class PredictFetchedStage(PredictStage):
    """The prediction of inputs, while later ones are fetched; what was fetched is let go after it."""

    follows: ClassVar[type[Stage[Any, Any]] | None] = FetchStage

    def following(self, job: JobView[Any], partial: Fetched) -> Iterable[PredictTask]:
        """Return tasks of consecutive inputs."""
        return fetched_tasks_of(partial.inputs, explain=job.spec.explain)


class StorageInferenceKind(InferenceKind):
    """Objects of a storage in, predictions out."""

    name = STORAGE_KIND
    stages = (FetchStage(), PredictFetchedStage())

    def on_tasks_finished(self, uow: UnitOfWork, job: Job, writes: Sequence[Record]) -> None:
        """Store what became of inputs, and how large those are that were fetched."""
        super().on_tasks_finished(uow, job, writes)
        sizes = {one.position: one.input.size for one in writes if isinstance(one, FetchedInput)}
        uow[InferenceJobs].set_sizes(job.organization_id, job.job_id, sizes)
