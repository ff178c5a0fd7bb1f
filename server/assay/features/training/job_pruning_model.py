"""The first stages of a pruning: the version is pruned, and trained on where that is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace as replace_fields
from typing import ClassVar

import pyarrow as pa

from assay.features.artifacts.stored_model import read_model
from assay.features.datasets.stored_split import read_block, read_blocks, read_manifest
from assay.features.training.job_events import EpochFinished
from assay.features.training.job_features import (
    BlockRef,
    Everything,
    StoredBlocks,
)
from assay.features.training.job_rows import data_refused
from assay.features.training.job_spec import TRAIN, VALIDATION, VersionPruning
from assay.features.training.model import (
    Epoch,
)
from assay.kernel.errors import FailedPrecondition
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.kind import (
    ComputeContext,
    JobView,
    Stage,
    StageInputs,
    StageMode,
    TaskOutput,
)
from assay.learning import artifact, platt
from assay.learning.errors import DataError
from assay.learning.families import family_of
from assay.learning.hyperparameter import HyperparameterError
from assay.learning.learner import EpochLearner
from assay.learning.model import Model
from assay.learning.predictions import ClassPredictions
from assay.learning.pruning import Pruned, prune, sparsity_of_size, tuned, tuning_start
from assay.records import Record, replace

BEFORE, AFTER = "before", "after"
Asked = JobView[VersionPruning]


class PrunedModel(Record):
    """A model that was pruned, and what it takes."""

    artifact: str  # address
    weights: int  # of the model when nothing was left out
    kept: int
    kept_before: int
    bytes_before: int  # of the artifact that was pruned
    bytes_after: int


class TunedEpoch(Record):
    """A state after an epoch of training on."""

    state: str  # address of its artifact
    epoch: Epoch


class EpochNumber(Record):
    """The payload of an epoch."""

    number: int  # from 1
    epochs: int  # planned


class PlacedRows(Record):
    """A block of rows that is predicted."""

    version: str  # BEFORE or AFTER
    split: str
    number: int  # of the block, from 0
    first_row: int


class PruneModel(Stage[Everything, PrunedModel]):
    """Prunes the version."""

    name: ClassVar[str] = "prune"
    payload = Everything
    partial = PrunedModel

    def plan(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> list[Everything]:
        """Plan one task."""
        return [Everything()]

    def run(
        self, job: Asked, payload: Everything, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[PrunedModel]:
        """Prune; raises FailedPrecondition for a target that cannot be reached."""
        model = read_model(job.spec.artifact, context.blobs)
        pruned = _pruned(model, job.spec)
        data = pruned.model.encode()
        blob = context.blobs.put(data)
        return TaskOutput(
            partial=PrunedModel(
                artifact=blob,
                weights=pruned.weights,
                kept=pruned.kept,
                kept_before=pruned.kept_before,
                bytes_before=len(model.encode()),
                bytes_after=len(data),
            ),
            blob=blob,
        )


class TuneFeatures(Stage[PlacedRows, BlockRef]):
    """Makes the features that are left, of the training rows, where the model is trained on."""

    name: ClassVar[str] = "features"
    payload = PlacedRows
    partial = BlockRef
    reads = (PruneModel,)
    task_reads = (PruneModel,)

    def plan(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> list[PlacedRows]:
        """Plan a task a block of the training split, or none."""
        if job.spec.tuning is None:
            return []
        return list(placed(job.spec, AFTER, (TRAIN,), context))

    def run(
        self, job: Asked, payload: PlacedRows, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[BlockRef]:
        """Make the features of one block."""
        model = read_model(inputs.partials(PruneModel)[0].artifact, context.blobs)
        with data_refused():
            block = model.featurizer.transform(rows_at(job.spec, payload, context.blobs))
        blob = context.blobs.put(block.encode())
        ref = BlockRef(
            split=payload.split,
            stored=payload.split,
            number=payload.number,
            blob=blob,
            records=block.records,
            chunks=block.chunks,
        )
        return TaskOutput(partial=ref, blob=blob)


class TuneEpochs(Stage[EpochNumber, TunedEpoch]):
    """Trains the pruned model on, an epoch a task."""

    name: ClassVar[str] = "epochs"
    payload = EpochNumber
    partial = TunedEpoch
    mode = StageMode.CHAIN
    reads = (PruneModel, TuneFeatures)
    task_reads = (PruneModel, TuneFeatures)

    def plan(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> list[EpochNumber]:
        """Plan a task an epoch."""
        count = self.expected(job)
        return [EpochNumber(number=number, epochs=count) for number in range(1, count + 1)]

    def expected(self, job: Asked) -> int:
        """Return the number of epochs."""
        return 0 if job.spec.tuning is None else job.spec.tuning.integer("num_train_epochs")

    def run(
        self, job: Asked, payload: EpochNumber, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[TunedEpoch]:
        """Train one epoch."""
        model = read_model(inputs.partials(PruneModel)[0].artifact, context.blobs)
        learner = _learner(job.spec, model)
        last = inputs.last(TuneEpochs)
        if last is None:
            state = tuning_start(model, learner, _seed(job.spec))
        else:
            state = artifact.decode(context.blobs.read(last.state), "state")
        blocks = StoredBlocks(inputs.partials(TuneFeatures), context.blobs)
        with data_refused():
            state, loss = learner.epoch(state, blocks, payload.number)
        blob = context.blobs.put(artifact.encode(state))
        epoch = Epoch(train_loss=loss, validation_loss=None)
        event = EpochFinished(
            epoch=payload.number, epochs=payload.epochs, train_loss=loss, validation_loss=None
        )
        return TaskOutput(
            partial=TunedEpoch(state=blob, epoch=epoch),
            blob=blob,
            events=(event,),
            superseded=() if last is None or last.state == blob else (last.state,),
        )


class FinishPruned(Stage[Everything, PrunedModel]):
    """Makes the model that the new version is."""

    name: ClassVar[str] = "model"
    payload = Everything
    partial = PrunedModel
    reads = (PruneModel, TuneEpochs)
    task_reads = (PruneModel, TuneEpochs)

    def plan(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> list[Everything]:
        """Plan one task."""
        return [Everything()]

    def run(
        self, job: Asked, payload: Everything, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[PrunedModel]:
        """Make the model."""
        found = inputs.partials(PruneModel)[0]
        model = read_model(found.artifact, context.blobs)
        epochs = inputs.partials(TuneEpochs)
        with data_refused():
            if epochs:
                state = artifact.decode(context.blobs.read(epochs[-1].state), "state")
                model = tuned(model, _learner(job.spec, model).finish(state))
            model = _recalibrated(job.spec, model, context.blobs)
        data = model.encode()
        blob = context.blobs.put(data)
        return TaskOutput(partial=replace(found, artifact=blob, bytes_after=len(data)), blob=blob)


def placed(
    job: VersionPruning, version: str, splits: Iterable[str], context: ComputeContext
) -> Iterator[PlacedRows]:
    """Yield the blocks of splits for one of the versions."""
    for split in sorted(splits):
        first_row = 0
        for number, block in enumerate(read_manifest(job.manifests[split], context.blobs).blocks):
            yield PlacedRows(version=version, split=split, number=number, first_row=first_row)
            first_row += block.rows


def rows_at(job: VersionPruning, place: PlacedRows, blobs: JobBlobs) -> pa.RecordBatch:
    """Return the rows of a block."""
    return read_block(read_manifest(job.manifests[place.split], blobs), place.number, blobs)


def _pruned(model: Model, job: VersionPruning) -> Pruned:
    """Return the model pruned to the job's target, or raise FailedPrecondition."""
    try:
        target = job.target_sparsity
        if target is None:
            target = sparsity_of_size(model, job.target_bytes or 0)
        return prune(model, target)
    except DataError as error:
        raise FailedPrecondition(f"The version cannot be pruned: {error}.") from error
    except HyperparameterError as error:
        raise FailedPrecondition(f"The version cannot be pruned so: {error.message}.") from error


def _seed(job: VersionPruning) -> int:
    """Return the seed of what is drawn when the model is trained on."""
    return 0 if job.tuning is None else job.tuning.integer("seed")


def _learner(job: VersionPruning, model: Model) -> EpochLearner:
    """Return what trains a pruned model on."""
    learner = family_of(job.tuning or model.hyperparameters).learner(model.featurizer)
    assert isinstance(learner, EpochLearner), "a submission asks for no tuning of others"
    return learner


def _recalibrated(job: VersionPruning, model: Model, blobs: JobBlobs) -> Model:
    """Return a calibrated model with the calibration of what it now predicts of held-out rows."""
    if model.calibration is None or VALIDATION not in job.manifests:
        return model
    learner = family_of(model.hyperparameters).learner(model.featurizer)
    parts = []
    for batch in read_blocks(read_manifest(job.manifests[VALIDATION], blobs), blobs):
        block = model.featurizer.transform(batch)
        found = learner.predict(model.state, block)
        if not isinstance(found, ClassPredictions):
            return model
        parts.append(platt.held_out(found, block))
    return replace_fields(model, calibration=platt.fit(parts))
