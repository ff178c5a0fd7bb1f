"""The search for hyperparameters: trials in waves, each a training that only its objective outlives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from assay.features.training.job_course import Course, learner_of
from assay.features.training.job_events import COMPLETE, DIVERGED, PRUNED, TrialFinished
from assay.features.training.job_features import Asked, FitFeatures, MakeFeatures, StoredBlocks
from assay.features.training.job_predictions import truths, words_of_block
from assay.features.training.job_rows import data_refused
from assay.features.training.job_spec import TrainingJob
from assay.features.training.model import Setting, Trial
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.kind import (
    ComputeContext,
    Stage,
    StageInputs,
    StageMode,
    TaskOutput,
)
from assay.learning import search, trials
from assay.learning.errors import Diverged
from assay.learning.feature_block import Blocks, FeatureBlock
from assay.learning.hyperparameters import Hyperparameters
from assay.learning.learner import EpochLearner, Learner, State
from assay.learning.predictions import ClassPredictions, Predictions, ValuePredictions
from assay.learning.trials import TrialResult
from assay.metrics.classification_report import ClassCounts
from assay.metrics.tag_counts import TagCounts
from assay.records import Record, decode, encode


class TrialPayload(Record):
    """Hyperparameters to be tried."""

    course: str  # address of the Course
    trial: trials.Trial
    pruner: search.Pruner
    trials: int  # planned


class Tried(Record):
    """A TrialResult as JSON: its values are of any type that JSON has."""

    data: bytes


class SearchTrials(Stage[TrialPayload, Tried]):
    """Trains with other hyperparameters, and measures each on the validation rows."""

    name: ClassVar[str] = "trials"
    payload = TrialPayload
    partial = Tried
    mode = StageMode.WAVES
    reads = (FitFeatures, MakeFeatures)

    def expected(self, job: Asked) -> int:
        """Return how many trials there will be."""
        return search.plan_search(job.spec.hyperparameters).trials if searches(job.spec) else 0

    def plan(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> list[TrialPayload]:
        """Plan the next trials, from the outcome of all before."""
        if not searches(job.spec):
            return []
        resolved = job.spec.hyperparameters
        finished = results_of(inputs)
        planned = search.plan_search(resolved)
        course = context.blobs.put(encode(Course.of(resolved, inputs)))
        return [
            TrialPayload(
                course=course, trial=one, pruner=search.pruner(finished), trials=planned.trials
            )
            for one in search.next_wave(planned, finished)
        ]

    def run(
        self, job: Asked, payload: TrialPayload, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[Tried]:
        """Run one trial."""
        course = decode(Course, context.blobs.read(payload.course))
        resolved = course.hyperparameters.changed(payload.trial.values)
        with data_refused():
            result = _tried(course.with_hyperparameters(resolved), payload, context.blobs)
        told = _shown(job.spec, result)
        event = TrialFinished(
            trial=told.number,
            trials=payload.trials,
            outcome=outcome_of(result),
            settings=told.settings,
            objective=told.objective,
        )
        return TaskOutput(partial=Tried(data=encode(result)), events=(event,))


def results_of(inputs: StageInputs) -> list[TrialResult]:
    """Return the outcome of all trials so far."""
    return [decode(TrialResult, one.data) for one in inputs.partials(SearchTrials)]


def searches(job: TrainingJob) -> bool:
    """Say whether a job searches for hyperparameters."""
    return job.hyperparameters.flag("do_hyperparam_optimization")


def chosen(job: TrainingJob, finished: Sequence[TrialResult]) -> Hyperparameters:
    """Return the hyperparameters of the best trial; without a search those that were given."""
    best = search.ranked(finished)
    return job.hyperparameters.changed(best[0].values) if best else job.hyperparameters


def trials_shown(job: TrainingJob, finished: Sequence[TrialResult]) -> tuple[Trial, ...]:
    """Return trials as the tables show them."""
    return tuple(_shown(job, one) for one in finished)


def outcome_of(result: TrialResult) -> str:
    """Return how a trial ended, in the words of its event."""
    if result.is_pruned:
        return PRUNED
    return DIVERGED if result.objective is None else COMPLETE


def _shown(job: TrainingJob, result: TrialResult) -> Trial:
    space = search.plan_search(job.hyperparameters).space
    return Trial(
        number=result.number,
        settings=tuple(
            Setting(name=one.name, value=result.values[one.name]) for one in space.parameters
        ),
        objective=None if result.is_pruned else result.objective,
    )


def _tried(course: Course, payload: TrialPayload, blobs: JobBlobs) -> TrialResult:
    learner = learner_of(course, blobs)
    train = StoredBlocks(course.train, blobs)
    validation = StoredBlocks(course.validation, blobs)
    asked = payload.trial
    seed = course.hyperparameters.integer("seed")
    if not isinstance(learner, EpochLearner):
        state = learner.fit(train, validation, seed).state
        return TrialResult(
            number=asked.number,
            values=asked.values,
            objective=objective(learner, state, validation),
        )
    state = learner.start(seed)
    patience = course.hyperparameters.integer("early_stopping_patience")
    steps: list[float] = []
    losses: list[float] = []
    for number in range(1, course.hyperparameters.integer("num_train_epochs") + 1):
        try:
            state, _ = learner.epoch(state, train, number)
        except Diverged:
            return TrialResult(number=asked.number, values=asked.values, steps=tuple(steps))
        steps.append(objective(learner, state, validation))
        if payload.pruner.prunes(steps):
            return TrialResult(
                number=asked.number, values=asked.values, steps=tuple(steps), is_pruned=True
            )
        if patience:
            losses.append(learner.loss(state, validation))
            if number - 1 - int(np.argmin(losses)) >= patience:
                break
    kept = int(np.argmin(losses)) if patience else -1
    return TrialResult(
        number=asked.number, values=asked.values, objective=steps[kept], steps=tuple(steps)
    )


def objective(learner: Learner, state: State, blocks: Blocks) -> float:
    """Return macro F1 of records, or of the words of fields, or R²; 0 where there is none."""
    pairs = ((learner.predict(state, block), block) for block in blocks)
    first = next(pairs, None)
    if first is None:
        return 0.0
    found, block = first
    if isinstance(found, ValuePredictions):
        return _determination([first, *pairs])
    if isinstance(found, ClassPredictions):
        matrix = _confusion(found, block)
        for one, of in pairs:
            matrix += _confusion(one, of)
        return float(np.mean(ClassCounts.of(matrix).f1_score))
    counts = TagCounts.merge_all([_words(one, of) for one, of in [first, *pairs]])
    average = counts.average("macro")
    return 0.0 if average is None else average.f1_score


def _confusion(found: Predictions, block: FeatureBlock) -> NDArray[np.int64]:
    assert isinstance(found, ClassPredictions)
    size = len(found.labels)
    true = truths(block).astype(np.int64)
    known = true >= 0
    cells = np.bincount(true[known] * size + found.codes[known], minlength=size * size)
    return cells.reshape(size, size)


def _words(found: Predictions, block: FeatureBlock) -> TagCounts:
    assert not isinstance(found, ClassPredictions | ValuePredictions)
    return TagCounts.of_words(words_of_block(block)[0], found.codes, found.labels)


def _determination(pairs: Sequence[tuple[Predictions, FeatureBlock]]) -> float:
    """Return R² of numbers; the sums are rounded once, so that no cut into blocks shows."""
    true: list[float] = []
    predicted: list[float] = []
    for found, block in pairs:
        assert isinstance(found, ValuePredictions)
        true += truths(block).tolist()
        predicted += found.values.tolist()
    mean = math.fsum(true) / len(true)
    total = math.fsum((one - mean) ** 2 for one in true)
    rest = math.fsum((one - other) ** 2 for one, other in zip(true, predicted, strict=True))
    return 1.0 - rest / total if total else 0.0
