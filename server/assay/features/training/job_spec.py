"""The specs of jobs of models; use cases write them when they submit, kinds read them."""

from __future__ import annotations

from collections.abc import Mapping

from assay.features.artifacts.model import Artifact
from assay.features.evaluations.measurement import MeasuredSplit
from assay.features.training.model import ModelJobResult, Setting
from assay.learning.hyperparameters import Hyperparameters, rows_of
from assay.learning.rows import TaskType
from assay.records import Record

TRAIN, VALIDATION, TEST = "train", "validation", "test"


class TrainingJob(Record):
    """The spec of a training."""

    model_id: str
    version_id: str  # that it makes
    manifests: Mapping[str, str]  # addresses of the splits' manifests, by split
    labels: tuple[str, ...]  # classes in their order; fields; empty of a regression
    positive_label: str | None  # declared with the model
    hyperparameters: Hyperparameters
    learning_version: str  # of the learning component

    @property
    def task_type(self) -> TaskType:
        """What is learned."""
        return self.hyperparameters.task_type


class VersionEvaluation(Record):
    """The spec of an evaluation of a stored version."""

    model_id: str
    version_id: str
    artifact: Artifact  # that it runs
    positive_label: str | None  # declared with the model
    split: str
    manifest: str  # address of the split's


class VersionPruning(Record):
    """The spec of a pruning of a stored version."""

    model_id: str
    version_id: str  # that it makes
    artifact: str  # address of the version that is pruned
    manifests: Mapping[str, str]  # addresses of the splits' manifests, by split
    task_type: TaskType
    labels: tuple[str, ...]  # that the version knows, in their order
    positive_label: str | None  # declared with the model
    target_sparsity: float | None  # None: a size is the target
    target_bytes: int | None = None  # of the artifact; None: a sparsity is the target
    tuning: Hyperparameters | None = None  # of the epochs after it was pruned; None: none
    learning_version: str  # of the learning component


class EvaluatedResult(ModelJobResult):
    """What came of a job that measured a version."""

    splits: tuple[MeasuredSplit, ...]


class TrainingResult(EvaluatedResult):
    """What came of a training."""

    settings: tuple[Setting, ...]  # every hyperparameter that the version was trained with
    warnings: tuple[str, ...]  # of what may spoil the numbers


def settings_of(resolved: Hyperparameters) -> tuple[Setting, ...]:
    """Return hyperparameters in the order of their table; stored ones have lost it."""
    return tuple(
        Setting(name=row.name, value=resolved.values[row.name])
        for row in rows_of(resolved.task_type, resolved.algorithm)
    )
