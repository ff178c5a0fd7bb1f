"""The course of a training, or of a trial: hyperparameters, and features at rest."""

from __future__ import annotations

from assay.features.training.job_features import (
    BlockRef,
    FitFeatures,
    MakeFeatures,
    read_featurizer,
)
from assay.features.training.job_spec import TRAIN, VALIDATION
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.kind import StageInputs
from assay.learning import artifact
from assay.learning.families import family_of
from assay.learning.hyperparameters import Hyperparameters
from assay.learning.learner import EpochLearner, State, WholeLearner
from assay.records import Record, replace


class Course(Record):
    """Everything that epochs need; a blob of its own."""

    hyperparameters: Hyperparameters
    featurizer: str  # address
    train: tuple[BlockRef, ...]
    validation: tuple[BlockRef, ...]

    @classmethod
    def of(cls, resolved: Hyperparameters, inputs: StageInputs) -> Course:
        """Return the course of hyperparameters, features being made."""
        refs = inputs.partials(MakeFeatures)
        return cls(
            hyperparameters=resolved,
            featurizer=inputs.partials(FitFeatures)[0].featurizer,
            train=tuple(one for one in refs if one.split == TRAIN),
            validation=tuple(one for one in refs if one.split == VALIDATION),
        )

    def with_hyperparameters(self, resolved: Hyperparameters) -> Course:
        """Return the course with others that change no feature."""
        return replace(self, hyperparameters=resolved)


def learner_of(course: Course, blobs: JobBlobs) -> EpochLearner | WholeLearner:
    """Return the learner of a course."""
    family = family_of(course.hyperparameters)
    return family.learner(read_featurizer(family, course.featurizer, blobs))


def read_state(address: str, blobs: JobBlobs) -> State:
    """Return a state at rest."""
    return artifact.decode(blobs.read(address), "state")
