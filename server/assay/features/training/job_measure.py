"""The last stages of a training: the model is finished, predicts its splits, and is measured."""

from __future__ import annotations

from typing import ClassVar

from assay.features.artifacts.stored_model import read_model
from assay.features.evaluations.model import EvaluationSpec
from assay.features.training.job_calibration import calibrated
from assay.features.training.job_course import Course, learner_of, read_state
from assay.features.training.job_epochs import TrainEpochs, last_trained
from assay.features.training.job_features import (
    Asked,
    BlockRef,
    Everything,
    FitFeatures,
    MakeFeatures,
    StoredBlocks,
    each_partial,
    read_featurizer,
)
from assay.features.training.job_outcomes import (
    EncodedOutcome,
    SplitOutcome,
    measured,
    shown_split,
    stored_blob,
)
from assay.features.training.job_predictions import (
    Place,
    Predicted,
    count_predictions,
    count_words,
    spec_of,
    truths,
    words_of_block,
)
from assay.features.training.job_rows import data_refused
from assay.features.training.job_spec import TrainingJob
from assay.features.training.job_trials import SearchTrials, chosen, results_of
from assay.features.training.model import Measured
from assay.kernel.jobs.kind import ComputeContext, Stage, StageInputs, TaskOutput
from assay.learning.families import family_of
from assay.learning.model import Model
from assay.learning.predictions import WordPredictions
from assay.records import Record, decode, replace


class MadeModel(Record):
    """The model that was trained."""

    artifact: str  # address
    bytes: int
    calibration: tuple[Measured, ...] = ()  # of held-out rows, before and after


class PredictPayload(Record):
    """A block of features, to be predicted."""

    model: str  # address of the artifact
    block: BlockRef
    first_row: int  # of its split
    shows_chunks: bool = False  # whether tables show its chunks


class SplitPayload(Record):
    """A split, to be measured."""

    split: str


class FinishModel(Stage[Everything, MadeModel]):
    """Makes the model of what was trained, calibrated where that was asked."""

    name: ClassVar[str] = "model"
    payload = Everything
    partial = MadeModel
    reads = (FitFeatures, MakeFeatures, SearchTrials, TrainEpochs)
    task_reads = (FitFeatures, MakeFeatures, SearchTrials, TrainEpochs)

    def plan(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> list[Everything]:
        """Plan one task."""
        return [Everything()]

    def run(
        self, job: Asked, payload: Everything, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[MadeModel]:
        """Make the model."""
        resolved = chosen(job.spec, results_of(inputs))
        course = Course.of(resolved, inputs)
        learner = learner_of(course, context.blobs)
        trained = last_trained(inputs.partials(TrainEpochs), resolved)
        state = learner.finish(read_state(trained, context.blobs))
        featurizer = read_featurizer(family_of(resolved), course.featurizer, context.blobs)
        with data_refused():
            found = calibrated(learner, state, course, featurizer.labels, context.blobs)
        model = Model(
            hyperparameters=resolved,
            featurizer=featurizer,
            state=state,
            calibration=found.calibration,
        )
        data = model.encode()
        blob = context.blobs.put(data)
        return TaskOutput(
            partial=MadeModel(artifact=blob, bytes=len(data), calibration=found.measured),
            blob=blob,
            events=found.events,
        )


class PredictBlocks(Stage[PredictPayload, Predicted]):
    """Predicts the rows of all splits, and counts them, block by block."""

    name: ClassVar[str] = "predict"
    payload = PredictPayload
    partial = Predicted
    reads = (MakeFeatures, FinishModel)

    def plan(
        self, job: Asked, inputs: StageInputs, context: ComputeContext
    ) -> list[PredictPayload]:
        """Plan a task a block of features."""
        model = inputs.partials(FinishModel)[0].artifact
        first_rows: dict[str, int] = {}
        payloads = []
        for block in inputs.partials(MakeFeatures):
            if block.blob is None:
                continue
            first = first_rows.get(block.split, 0)
            payloads.append(PredictPayload(model=model, block=block, first_row=first))
            first_rows[block.split] = first + block.records
        shown = shown_split(first_rows)
        return [replace(one, shows_chunks=one.block.split == shown) for one in payloads]

    def run(
        self, job: Asked, payload: PredictPayload, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[Predicted]:
        """Predict one block."""
        model = read_model(payload.model, context.blobs)
        ref = payload.block
        place = Place(
            split=ref.split, first_row=payload.first_row, shows_chunks=payload.shows_chunks
        )
        block = StoredBlocks([ref], context.blobs)[0]
        learner = family_of(model.hyperparameters).learner(model.featurizer)
        found = learner.predict(model.state, block, model.calibration)
        if isinstance(found, WordPredictions):
            return TaskOutput(partial=count_words(found, *words_of_block(block), place))
        predicted = count_predictions(found, truths(block), spec_of_job(job.spec), place, context)
        return TaskOutput(partial=predicted, blob=stored_blob(predicted))


class MeasureSplits(Stage[SplitPayload, EncodedOutcome]):
    """Measures the version on each split, as an upload of its predictions would be."""

    name: ClassVar[str] = "measure"
    payload = SplitPayload
    partial = EncodedOutcome
    reads = (PredictBlocks,)
    task_reads = (PredictBlocks,)

    def plan(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> list[SplitPayload]:
        """Plan a task a split."""
        blocks = each_partial(PredictBlocks, inputs, context.blobs)
        splits = dict.fromkeys(one.split for one in blocks)
        return [SplitPayload(split=split) for split in splits]

    def run(
        self, job: Asked, payload: SplitPayload, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[EncodedOutcome]:
        """Measure one split."""
        blocks = each_partial(PredictBlocks, inputs, context.blobs)
        parts = (one for one in blocks if one.split == payload.split)
        return measured(payload.split, parts, spec_of_job(job.spec), context)


def spec_of_job(job: TrainingJob) -> EvaluationSpec:
    """Return what decides the numbers of a training's evaluations."""
    return spec_of(job.task_type, job.labels, job.positive_label)


def outcomes_of(inputs: StageInputs) -> list[SplitOutcome]:
    """Return what came of the splits."""
    return [decode(SplitOutcome, one.data) for one in inputs.partials(MeasureSplits)]
