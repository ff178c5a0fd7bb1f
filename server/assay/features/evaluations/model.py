"""Evaluations: one version on one split, what was asked and what came out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from assay.features.models.model import TaskType
from assay.kernel.errors import InvalidArgument, clip
from assay.kernel.ids import check_resource_id
from assay.kernel.jobs.job import JobError
from assay.kernel.jobs.states import JobState
from assay.records import encode, sha256_hex

SPLITS = ("train", "validation", "test")


def check_split(field_name: str, split: str) -> str:
    """Return `split` when it is one of SPLITS; else raise InvalidArgument."""
    if split not in SPLITS:
        raise InvalidArgument.of(
            field_name, f"'{clip(split)}' is not a split; allowed: {', '.join(SPLITS)}", value=split
        )
    return split


@dataclass(frozen=True, kw_only=True)
class EvaluationSpec:
    """Everything that decides the numbers, apart from the rows themselves."""

    task_type: TaskType  # classification or regression
    labels: tuple[str, ...] | None = None  # declared classes, in order; None: from the data
    positive_label: str | None = None  # declared positive class; None: by the rule
    renormalize: bool = False  # scale score rows that do not sum to 1, instead of refusing

    def to_dict(self) -> dict[str, Any]:
        """Return the spec as JSON values, every key present."""
        return {
            "task_type": self.task_type.value,
            "labels": None if self.labels is None else list(self.labels),
            "positive_label": self.positive_label,
            "renormalize": self.renormalize,
        }

    def to_json(self) -> bytes:
        """Return the canonical JSON of the spec."""
        return encode(self.to_dict())

    def sha256(self) -> str:
        """Return the hash of the canonical JSON, 64 hex digits."""
        return sha256_hex(self.to_json())

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> EvaluationSpec:
        """Return the spec that `to_dict` wrote."""
        labels = values.get("labels")
        return cls(
            task_type=TaskType(values["task_type"]),
            labels=None if labels is None else tuple(labels),
            positive_label=values.get("positive_label"),
            renormalize=bool(values.get("renormalize", False)),
        )

    @classmethod
    def from_json(cls, data: bytes | str) -> EvaluationSpec:
        """Return the spec that `to_json` wrote."""
        return cls.from_dict(json.loads(data))


@dataclass(frozen=True, kw_only=True)
class ClassScores:
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

    def to_dict(self) -> dict[str, Any]:
        """Return the scores as JSON values, every key present."""
        return {
            "label": self.label,
            "precision": self.precision,
            "recall": self.recall,
            "f1_score": self.f1_score,
            "support": self.support,
            "predicted": self.predicted,
            "roc_auc": self.roc_auc,
            "average_precision": self.average_precision,
            "ece": self.ece,
            "weight": self.weight,
        }


@dataclass(frozen=True, kw_only=True)
class EvaluationResult:
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
    spec: Mapping[str, Any]  # EvaluationSpec.to_dict() and the rules that were applied
    spec_hash: str  # SHA-256 of the spec's canonical JSON
    environment: Mapping[str, Any]  # numeric environment in which the numbers are exact
    content_hash: str  # SHA-256 that names the evaluated rows, whatever their chunks
    weight: float | None = None  # total weight of the rows; None: unweighted
    zero_targets: int | None = None  # rows that mape leaves out; None: not a regression
    details: str | None = None  # blob address of EvaluationDetails; None: made before them

    def to_json(self) -> bytes:
        """Return the canonical JSON of the result."""
        return encode(
            {
                "rows": self.rows,
                "task": self.task,
                "labels": list(self.labels),
                "positive_label": self.positive_label,
                "label_set_inferred": self.label_set_inferred,
                "metrics": dict(self.metrics),
                "undefined": dict(self.undefined),
                "per_class": [scores.to_dict() for scores in self.per_class],
                "averages": {name: dict(values) for name, values in self.averages.items()},
                "confusion": self.confusion,
                "clipped_rows": self.clipped_rows,
                "spec": dict(self.spec),
                "spec_hash": self.spec_hash,
                "environment": dict(self.environment),
                "content_hash": self.content_hash,
                "weight": self.weight,
                "zero_targets": self.zero_targets,
                "details": self.details,
            }
        )

    @classmethod
    def from_json(cls, data: bytes | str) -> EvaluationResult:
        """Return the result that `to_json` wrote."""
        values = json.loads(data)
        values["labels"] = tuple(values["labels"])
        values["per_class"] = tuple(ClassScores(**scores) for scores in values["per_class"])
        if values["confusion"] is not None:
            values["confusion"] = tuple(tuple(row) for row in values["confusion"])
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class NewEvaluation:
    """What is needed to register an evaluation; its job is submitted in the same commit."""

    model_id: str  # the model evaluated
    version_id: str  # the version evaluated; belongs to the model
    dataset_split: str  # one of SPLITS
    job_id: str  # the job that computes it
    spec: EvaluationSpec  # what decides the numbers
    evaluation_id: str | None = None  # chosen by the caller; None: generated
    created_by: str = ""  # subject of the caller

    def __post_init__(self) -> None:
        check_split("dataset_split", self.dataset_split)
        if self.evaluation_id is not None:
            check_resource_id("evaluation_id", self.evaluation_id)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
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
    is_current: bool  # newest succeeded revision of its (version, split): the one served
    metrics: Mapping[str, float] = field(default_factory=dict)  # headline; empty until done
    result: EvaluationResult | None = None  # None until done, and in listings
    error: JobError | None = None  # why its job ended without a result
    created_at: datetime  # when it was registered
    evaluated_at: datetime | None  # when its result was committed; None: not yet
    created_by: str  # subject of the caller
