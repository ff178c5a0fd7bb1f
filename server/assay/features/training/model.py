"""Jobs of models: what is asked of a training, a pruning or an evaluation, and what they find."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from assay.features.artifacts.model import Artifact
from assay.features.models.model import TaskType as ModelTask
from assay.kernel.errors import InvalidArgument, clip
from assay.kernel.jobs.job import JobError
from assay.kernel.jobs.states import JobState
from assay.learning.rows import TaskType
from assay.records import Record

LEARNING_VERSION = "1.0.0"  # of what is learned with: raised when equal data give other models
OK, ERROR = "OK", "ERROR"  # the two words of `status`
PENDING, DONE = "PENDING", "DONE"  # the two words of `state`


class JobType(StrEnum):
    """What a job does for a model."""

    TRAINING = "training"  # makes a new version from a dataset
    PRUNING = "pruning"  # makes a smaller version of a version
    EVALUATION = "evaluation"  # measures a version on a dataset


# The kind of each in the ledger, where `evaluation` is an upload of predictions that is measured.
KINDS: Mapping[JobType, str] = {
    JobType.TRAINING: "training",
    JobType.PRUNING: "pruning",
    JobType.EVALUATION: "model_evaluation",
}


def job_type(text: str) -> JobType:
    """Return the type of job named `text`, or raise InvalidArgument."""
    try:
        return JobType(text)
    except ValueError:
        raise InvalidArgument.of(
            "job_type", f"'{clip(text)}' was sent; {', '.join(JobType)} are allowed"
        ) from None


# The task of the model that is trained on rows.
TASKS: Mapping[TaskType, ModelTask] = {
    TaskType.TABULAR_CLASSIFICATION: ModelTask.CLASSIFICATION,
    TaskType.TEXT_CLASSIFICATION: ModelTask.CLASSIFICATION,
    TaskType.IMAGE_CLASSIFICATION: ModelTask.CLASSIFICATION,
    TaskType.TABULAR_REGRESSION: ModelTask.REGRESSION,
    TaskType.EXTRACTION: ModelTask.EXTRACTION,
}


class Counted(Record):
    """How many records of a class are annotated."""

    label: str
    records: int


class Split(Record):
    """The records of one purpose: those that were trained on, or those that were measured."""

    counts: tuple[Counted, ...] = ()  # in the order of labels; one of a model without classes
    total: int = 0  # records
    datasets: tuple[str, ...] = ()  # names of those that they are from


class Setting(Record):
    """A hyperparameter and its value."""

    name: str
    value: Any  # JSON


class Facts(Record):
    """What is known of a job before it runs, and is told with each of its answers."""

    platform_version: str  # Assay's release
    learning_version: str  # of the learning component
    train: Split  # of a pruning or an evaluation: those of the version's own training
    test: Split
    settings: tuple[Setting, ...] = ()  # every hyperparameter, resolved, in a fixed order
    warnings: tuple[str, ...] = ()  # such as records that two splits share


class Epoch(Record):
    """The losses after an epoch, means over all rows."""

    train_loss: float
    validation_loss: float | None  # None: there are no validation rows


class Trial(Record):
    """One trial of a search for hyperparameters."""

    number: int  # from 0
    settings: tuple[Setting, ...]  # those that were searched for, in the order of the space
    objective: float | None = None  # on validation; None: it was pruned


class ClassLevel(Record):
    """How records, or chunks of records, were classified."""

    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]  # [truth][predicted], in the order of labels
    ece: tuple[float | None, ...]  # of each class's own probability


class FieldLevel(Record):
    """How one field, or the words of one field, were extracted."""

    field: str
    correct: int  # extracted, and right
    extracted: int
    expected: int
    ece: float | None = None


class RegressionLevel(Record):
    """How far predictions of one split are off."""

    split: str  # Train, Eval or Test
    rows: int
    metrics: Mapping[str, float]  # of the regression metrics, those that are defined


class Measured(Record):
    """A measure before and after, such as a size."""

    measure: str
    before: float
    after: float


class Tables(Record):
    """Everything that the tables of a job are made of; what is empty has no table."""

    records: ClassLevel | None = None
    chunks: ClassLevel | None = None
    fields: tuple[FieldLevel, ...] = ()
    tokens: tuple[FieldLevel, ...] = ()
    regression: tuple[RegressionLevel, ...] = ()
    epochs: tuple[Epoch, ...] | None = None  # None: nothing was trained
    trials: tuple[Trial, ...] = ()
    calibration: tuple[Measured, ...] = ()
    pruning: tuple[Measured, ...] = ()


class NewModelJob(Record):
    """What is needed to store a job of a model."""

    job_type: JobType
    model_id: str
    dataset_id: str
    dataset_revision: int
    version_id: str
    source_version_id: str | None = None  # None: of a training
    facts: Facts
    created_by: str = ""  # subject of the caller


class ModelJobResult(Record):
    """What came of a job: the same for every type."""

    tables: Tables
    artifact: Artifact | None = None  # of the version that was made; None: of an evaluation


class ModelJob(Record):
    """A job of a model as it is stored; its state and error are those of its job in the ledger."""

    organization_id: str  # the organization that owns it
    job_id: str  # a UUID
    job_type: JobType
    model_id: str  # the model that it is a job of
    model_project_path: str | None  # the model's path now; None: it was taken away
    dataset_id: str
    dataset_revision: int  # of the dataset when the job was submitted
    version_id: str  # that the job makes, or measures; it may be deleted since
    source_version_id: str | None  # that is pruned or measured; None: of a training
    facts: Facts
    state: JobState
    error: JobError | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    created_by: str  # subject of the caller

    @property
    def status(self) -> str:
        """OK, or ERROR for a job that ended without a result."""
        ended_badly = self.ended_at is not None and self.state is not JobState.SUCCEEDED
        return ERROR if ended_badly else OK

    @property
    def phase(self) -> str:
        """PENDING, or DONE for a job that has ended."""
        return PENDING if self.ended_at is None else DONE
