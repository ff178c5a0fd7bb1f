"""The chain of epochs of a training, and what it trains: the learner of chosen hyperparameters."""

from __future__ import annotations

import math
from typing import ClassVar

from assay.features.training.job_course import Course, learner_of, read_state
from assay.features.training.job_events import EpochFinished
from assay.features.training.job_features import Asked, FitFeatures, MakeFeatures, StoredBlocks
from assay.features.training.job_rows import data_refused
from assay.features.training.job_trials import SearchTrials, chosen, results_of
from assay.features.training.model import Epoch
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.kind import (
    ComputeContext,
    Stage,
    StageInputs,
    StageMode,
    TaskOutput,
)
from assay.learning import artifact
from assay.learning.hyperparameter_table import GRADIENT_BOOSTING
from assay.learning.hyperparameters import Hyperparameters
from assay.learning.learner import EpochLearner, Learner, State, WholeLearner
from assay.records import Record, decode, encode


class EpochPayload(Record):
    """An epoch to be trained, or all of them where a learner trains in one go."""

    course: str  # address of the Course
    number: int  # from 1
    epochs: int  # planned


class Trained(Record):
    """A learner after an epoch."""

    state: str  # address of its artifact
    epochs: tuple[Epoch, ...]  # that the task trained
    number: int  # of the last one
    best: str  # address of the state that had the lowest validation loss
    best_loss: float | None
    best_number: int


class TrainEpochs(Stage[EpochPayload, Trained]):
    """Trains, an epoch a task."""

    name: ClassVar[str] = "epochs"
    payload = EpochPayload
    partial = Trained
    mode = StageMode.CHAIN
    reads = (FitFeatures, MakeFeatures, SearchTrials)

    def plan(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> list[EpochPayload]:
        """Plan a task an epoch, or one for a learner that trains in one go."""
        resolved = chosen(job.spec, results_of(inputs))
        course = Course.of(resolved, inputs)
        address = context.blobs.put(encode(course))
        epochs = course.hyperparameters.integer("num_train_epochs")
        if not isinstance(learner_of(course, context.blobs), EpochLearner):
            return [EpochPayload(course=address, number=1, epochs=epochs)]
        return [
            EpochPayload(course=address, number=number, epochs=epochs)
            for number in range(1, epochs + 1)
        ]

    def expected(self, job: Asked) -> int:
        """Return the number of epochs that were asked for; an ensemble of trees is one task."""
        given = job.spec.hyperparameters
        is_one = given.algorithm == GRADIENT_BOOSTING
        return 1 if is_one else given.integer("num_train_epochs")

    def run(
        self, job: Asked, payload: EpochPayload, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[Trained]:
        """Train one epoch, and stop where the validation loss has not fallen for too long."""
        course = decode(Course, context.blobs.read(payload.course))
        learner = learner_of(course, context.blobs)
        last = inputs.last(TrainEpochs)
        with data_refused():
            if isinstance(learner, EpochLearner):
                trained = _epoch(learner, course, payload.number, last, context.blobs)
            else:
                trained = _whole(learner, course, context.blobs)
        patience = course.hyperparameters.integer("early_stopping_patience")
        first = trained.number - len(trained.epochs) + 1
        return TaskOutput(
            partial=trained,
            blob=trained.state,
            events=tuple(
                EpochFinished(
                    epoch=number,
                    epochs=payload.epochs,
                    train_loss=one.train_loss,
                    validation_loss=one.validation_loss,
                )
                for number, one in enumerate(trained.epochs, start=first)
            ),
            superseded=() if last is None else _superseded(last, trained),
            ends_stage=0 < patience <= trained.number - trained.best_number,
        )


def _superseded(last: Trained, now: Trained) -> tuple[str, ...]:
    """Return the addresses of states that are neither the newest nor the best any more."""
    return tuple({last.state, last.best} - {now.state, now.best})


def last_trained(trained: list[Trained], resolved: Hyperparameters) -> str:
    """Return the address of the state that is kept: with early stopping the best, else the last."""
    last = trained[-1]
    return last.best if resolved.integer("early_stopping_patience") else last.state


def _epoch(
    learner: EpochLearner, course: Course, number: int, last: Trained | None, blobs: JobBlobs
) -> Trained:
    train = StoredBlocks(course.train, blobs)
    if last is None:
        state = learner.start(course.hyperparameters.integer("seed"))
    else:
        state = read_state(last.state, blobs)
    state, train_loss = learner.epoch(state, train, number)
    address = blobs.put(artifact.encode(state))
    loss = _validation_loss(learner, state, course, blobs)
    epoch = Epoch(train_loss=train_loss, validation_loss=loss)
    best, best_loss, best_number = address, loss, number
    if last is not None and last.best_loss is not None and (loss is None or loss >= last.best_loss):
        best, best_loss, best_number = last.best, last.best_loss, last.best_number
    return Trained(
        state=address,
        epochs=(epoch,),
        number=number,
        best=best,
        best_loss=best_loss,
        best_number=best_number,
    )


def _whole(learner: WholeLearner, course: Course, blobs: JobBlobs) -> Trained:
    fit = learner.fit(
        StoredBlocks(course.train, blobs),
        StoredBlocks(course.validation, blobs),
        course.hyperparameters.integer("seed"),
    )
    address = blobs.put(artifact.encode(fit.state))
    validation = fit.validation_losses or (None,) * len(fit.train_losses)
    epochs = tuple(
        Epoch(train_loss=train, validation_loss=loss)
        for train, loss in zip(fit.train_losses, validation, strict=True)
    )
    number = len(epochs)  # it stops by itself, at the best round
    return Trained(
        state=address,
        epochs=epochs,
        number=number,
        best=address,
        best_loss=None,
        best_number=number,
    )


def _validation_loss(
    learner: Learner, state: State, course: Course, blobs: JobBlobs
) -> float | None:
    loss = learner.loss(state, StoredBlocks(course.validation, blobs))
    return None if math.isnan(loss) else loss
