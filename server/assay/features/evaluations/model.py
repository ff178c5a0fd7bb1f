"""Evaluations: one version on one split, what was asked and what came out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from assay.features.datasets.model import check_split
from assay.features.models.model import TaskType
from assay.kernel.ids import check_resource_id
from assay.kernel.jobs.job import JobError
from assay.kernel.jobs.states import JobState
from assay.records import Record


class EvaluationSpec(Record):
    """Everything that decides the numbers, apart from the rows themselves."""

    task_type: TaskType  # classification or regression
    labels: tuple[str, ...] | None = None  # declared classes, in order; None: from the data
    positive_label: str | None = None  # declared positive class; None: by the rule
    renormalize: bool = False  # scale score rows that do not sum to 1, instead of refusing


class ClassScores(Record):
    """The scores of one class against all others."""

    label: str  # the class
    precision: float  # in [0, 1]; 0 when nothing was predicted so
    recall: float  # in [0, 1]; 0 when the class has no rows
    f1_score: float  # 2·tp / (predicted + support); 0 when both are 0
    support: int  # rows whose truth is the class
    predicted: int  # rows predicted to be the class
    roc_auc: float | None = None  # one against the rest; None: no scores, or one-sided
    average_precision: float | None = None  # one against the rest; None as roc_auc
    ece: float | None = None  # of the class's own probability; None: no scores
    weight: float | None = None  # weighted support; None: unweighted


class TruthSplit(Record):
    """A stored split whose answers are the ground truth of an evaluation."""

    dataset_id: str  # the dataset
    revision: int  # its revision
    split: str  # one of SPLITS
    manifest: str  # address of the split's manifest


class TruthCoverage(Record):
    """How the rows of predictions and those of the ground truth met, by their ids."""

    dataset_id: str  # the dataset
    revision: int  # its revision
    split: str  # one of SPLITS
    rows: int  # rows of the split
    matched: int  # rows of both: those that are measured
    without_prediction: int  # rows of the split that have no prediction
    without_truth: int  # predictions whose row the split has not
    unpredicted_ids: tuple[str, ...]  # the first of the rows without a prediction
    unknown_ids: tuple[str, ...]  # the first of the predictions without a truth


class EvaluationResult(Record):
    """The numbers of one evaluation; equal results are equal bytes."""

    rows: int  # rows evaluated
    task: str  # binary, multiclass or regression
    labels: tuple[str, ...]  # classes, in the order of `confusion`; empty for regression
    positive_label: str | None  # the positive class; None unless binary
    label_set_inferred: bool  # True: the labels were seen, not declared
    metrics: Mapping[str, float]  # headline numbers by name; only defined, finite ones
    undefined: Mapping[str, str]  # metric name → reason why it has no value
    per_class: tuple[ClassScores, ...]  # one for each label, in order
    averages: Mapping[str, Mapping[str, float]]  # micro, macro, weighted → score → value
    confusion: tuple[tuple[int, ...], ...] | None  # [truth][predicted] rows; None: regression
    clipped_rows: int  # rows whose score was clipped for the log loss
    spec: Mapping[str, Any]  # metrics.spec.MetricSpec.rules(), the rules that were applied
    spec_hash: str  # SHA-256 of the spec's canonical JSON
    environment: Mapping[str, Any]  # numeric environment in which the numbers are exact
    content_hash: str  # SHA-256 that names the evaluated rows, whatever their chunks
    weight: float | None = None  # total weight of the rows; None: unweighted
    zero_targets: int | None = None  # rows that mape leaves out; None: not a regression
    details: str | None = None  # blob address of EvaluationDetails; None: made before them
    truth: TruthCoverage | None = None  # None: the truth came with the predictions


class HeldBack(StrEnum):
    """Why an evaluation that succeeded was not served."""

    REQUIREMENT_NOT_MET = "REQUIREMENT_NOT_MET"  # its version is promoted
    OTHER_ROWS = "OTHER_ROWS"  # its version is promoted, and serves other rows or labels
    OLDER_REVISION = "OLDER_REVISION"  # a newer one was served already


class NewEvaluation(Record):
    """What is needed to register an evaluation; its job is submitted in the same commit."""

    model_id: str  # the model evaluated
    version_id: str  # the version evaluated; belongs to the model
    dataset_split: str  # one of SPLITS
    job_id: str  # the job that computes it
    spec: EvaluationSpec  # what decides the numbers
    requirements: tuple[str, ...] = ()  # of the numbers, such as `accuracy>=0.93`
    replaces: bool = False  # served in place of a promoted version's, whatever comes out
    evaluation_id: str | None = None  # chosen by the caller; None: generated
    created_by: str = ""  # subject of the caller

    def __post_init__(self) -> None:
        check_split("dataset_split", self.dataset_split)
        if self.evaluation_id is not None:
            check_resource_id("evaluation_id", self.evaluation_id)


class Evaluation(Record):
    """An evaluation as it is stored; its state and error are those of its job."""

    organization_id: str  # the organization that owns it
    evaluation_id: str  # `evl-…`
    model_id: str  # the model evaluated
    version_id: str  # the version evaluated
    dataset_split: str  # train, validation or test
    revision: int  # 1, 2, 3, … for its (version, split), without gaps
    job_id: str  # the job that computes it
    spec: EvaluationSpec  # what decides the numbers
    state: JobState  # the state of its job
    requirements: tuple[str, ...] = ()  # of the numbers, as they were sent
    is_current: bool  # the one that is served of its (version, split)
    held_back: HeldBack | None = None  # why it was not served when it succeeded
    metrics: Mapping[str, float] = {}  # headline; empty until done
    result: EvaluationResult | None = None  # None until done, and in listings
    error: JobError | None = None  # why its job ended without a result
    created_at: datetime  # when it was registered
    evaluated_at: datetime | None  # when its result was committed; None: not yet
    created_by: str  # subject of the caller
