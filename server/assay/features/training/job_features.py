"""The first stages of a training: rows are summed up, and turned into blocks of features."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, TypeVar, overload

import pyarrow as pa

from assay.features.training.job_rows import (
    BlockPayload,
    HeldOut,
    block_payloads,
    data_refused,
    has_own_validation,
    hold_out,
    rows_of,
)
from assay.features.training.job_spec import TRAIN, TrainingJob
from assay.kernel.cache import BoundedCache
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.kind import ComputeContext, JobView, Stage, StageInputs, TaskOutput
from assay.learning import artifact
from assay.learning.families import family_of
from assay.learning.feature_block import FeatureBlock
from assay.learning.hyperparameters import Hyperparameters
from assay.learning.learner import Family, Featurizer, Summary
from assay.records import Record, arrays, replace

MERGED_AT_ONCE = 32  # summaries that are held in memory
OPENED_AT_ONCE = 8  # blocks of features that are mapped: an epoch goes back and forth between them

Asked = JobView[TrainingJob]
Partial = TypeVar("Partial")


class Everything(Record):
    """The payload of a task that takes all there is."""


class Summarized(Record):
    """The summary of a block of training rows."""

    rows: int
    data: bytes  # of the summary's artifact; empty: the block has no training rows


class Fitted(Record):
    """The step from rows to features."""

    featurizer: str  # address of its artifact
    labels: tuple[str, ...]  # classes in their order


class BlockRef(Record):
    """A block of features at rest."""

    split: str
    stored: str  # the stored split, and
    number: int  # the block of it whose rows it is of
    blob: str | None  # address; None: no row of the block is for the split
    records: int = 0
    chunks: int = 0


class HoldOut(Stage[Everything, HeldOut]):
    """Chooses the training rows that are held out, where there is no validation split."""

    name: ClassVar[str] = "hold-out"
    payload = Everything
    partial = HeldOut

    def plan(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> list[Everything]:
        """Plan one task, or none."""
        share = job.spec.hyperparameters.number("validation_set_size")
        return [] if has_own_validation(job.spec) or not share else [Everything()]

    def run(
        self, job: Asked, payload: Everything, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[HeldOut]:
        """Choose."""
        share = job.spec.hyperparameters.number("validation_set_size")
        return TaskOutput(partial=hold_out(job.spec, share, context.blobs))


class Summarize(Stage[BlockPayload, Summarized]):
    """Sums up the training rows, block by block."""

    name: ClassVar[str] = "summary"
    payload = BlockPayload
    partial = Summarized
    reads = (HoldOut,)
    task_reads = (HoldOut,)

    def plan(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> list[BlockPayload]:
        """Plan a task a block."""
        return list(block_payloads(job.spec, context.blobs, (TRAIN,)))

    def run(
        self, job: Asked, payload: BlockPayload, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[Summarized]:
        """Sum one block up; raises FailedPrecondition for rows that break a rule."""
        batch = rows_of(job.spec, payload, held_out(inputs), context.blobs)
        if not batch.num_rows:
            return TaskOutput(partial=Summarized(rows=0, data=b""))
        with data_refused():
            found = family_of(job.spec.hyperparameters).summarize(batch)
        return TaskOutput(
            partial=Summarized(rows=batch.num_rows, data=artifact.encode(found)),
            rows=batch.num_rows,
        )


class FitFeatures(Stage[Everything, Fitted]):
    """Fits the step from rows to features to the summary of all training rows."""

    name: ClassVar[str] = "featurizer"
    payload = Everything
    partial = Fitted
    reads = (Summarize,)
    task_reads = (Summarize,)

    def plan(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> list[Everything]:
        """Plan one task."""
        return [Everything()]

    def run(
        self, job: Asked, payload: Everything, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[Fitted]:
        """Fit; raises FailedPrecondition when nothing can be learned."""
        family = family_of(job.spec.hyperparameters)
        blocks = each_partial(Summarize, inputs, context.blobs)
        parts = (one.data for one in blocks if one.data)
        with data_refused():
            featurizer = family.featurizer(_merged(family, parts), _classes(job.spec))
        blob = context.blobs.put(artifact.encode(featurizer.artifact()))
        return TaskOutput(partial=Fitted(featurizer=blob, labels=featurizer.labels), blob=blob)


class MakeFeatures(Stage[BlockPayload, BlockRef]):
    """Makes the features of all rows, block by block."""

    name: ClassVar[str] = "features"
    payload = BlockPayload
    partial = BlockRef
    reads = (HoldOut, FitFeatures)
    task_reads = (HoldOut, FitFeatures)

    def plan(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> list[BlockPayload]:
        """Plan a task a block of each split."""
        return list(block_payloads(job.spec, context.blobs))

    def run(
        self, job: Asked, payload: BlockPayload, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[BlockRef]:
        """Make the features of one block; raises FailedPrecondition for rows that break a rule."""
        place = BlockRef(
            split=payload.split, stored=payload.stored, number=payload.number, blob=None
        )
        batch = rows_of(job.spec, payload, held_out(inputs), context.blobs)
        if not batch.num_rows:
            return TaskOutput(partial=place)
        fitted = inputs.partials(FitFeatures)[0]
        block = features_of(job.spec.hyperparameters, fitted.featurizer, batch, context.blobs)
        blob = context.blobs.put(block.encode())
        made = replace(place, blob=blob, records=block.records, chunks=block.chunks)
        return TaskOutput(partial=made, blob=blob)


def each_partial(
    stage: type[Stage[Any, Partial]], inputs: StageInputs, blobs: JobBlobs
) -> Iterator[Partial]:
    """Yield the partials of a stage in order; one at a time is in memory, as they may be large."""
    for record in inputs.records(stage):
        yield arrays.decode(stage.partial, blobs.partial(record))


def held_out(inputs: StageInputs) -> HeldOut:
    """Return which training rows are held out."""
    return next(iter(inputs.partials(HoldOut)), HeldOut())


def features_of(
    resolved: Hyperparameters, address: str, batch: pa.RecordBatch, blobs: JobBlobs
) -> FeatureBlock:
    """Return the features of rows by a featurizer at rest."""
    with data_refused():
        return read_featurizer(family_of(resolved), address, blobs).transform(batch)


def read_featurizer(family: Family, address: str, blobs: JobBlobs) -> Featurizer:
    """Return a featurizer at rest."""
    return family.read_featurizer(artifact.decode(blobs.read(address), "featurizer"))


class StoredBlocks(Sequence[FeatureBlock]):
    """Blocks of features at rest, each opened when it is asked for."""

    def __init__(self, refs: Iterable[BlockRef], blobs: JobBlobs) -> None:
        self._addresses = [one.blob for one in refs if one.blob is not None]
        self._blobs = blobs
        self._opened = BoundedCache(OPENED_AT_ONCE)

    def __len__(self) -> int:
        return len(self._addresses)

    @overload
    def __getitem__(self, index: int) -> FeatureBlock: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[FeatureBlock]: ...

    def __getitem__(self, index: int | slice) -> FeatureBlock | Sequence[FeatureBlock]:
        """Open one block; a slice opens each of its own."""
        if isinstance(index, slice):
            return [self._open(one) for one in self._addresses[index]]
        return self._open(self._addresses[index])

    def _open(self, address: str) -> FeatureBlock:
        found: FeatureBlock = self._opened.get(address, lambda: (self._decoded(address), 1))
        return found

    def _decoded(self, address: str) -> FeatureBlock:
        view = memoryview(self._blobs.view(address))
        return FeatureBlock.decode(view, whole=False)  # blobs are checked by their own hash


def _classes(job: TrainingJob) -> tuple[str, ...]:
    """Return the classes to be told apart; labels of words follow from the words."""
    return job.labels if job.task_type.has_label else ()


def _merged(family: Family, parts: Iterable[bytes]) -> Summary:
    held: list[Summary] = []
    for data in parts:
        held.append(artifact.decode(data, "summary"))
        if len(held) == MERGED_AT_ONCE:
            held = [family.merge(held)]
    return family.merge(held)
