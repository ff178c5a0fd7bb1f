"""Two versions beside each other, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from assay.client.diagnostic_types import Interval


@dataclass(frozen=True, kw_only=True)
class ComparedVersion:
    """One side of a comparison, by its newest evaluation of the test split."""

    version_id: str
    version_number: int
    metrics: Mapping[str, float]
    hyperparameters: Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class ConfigDifference:
    """A setting in which two versions differ; None where a version does not have it."""

    version_a: object
    version_b: object


@dataclass(frozen=True, kw_only=True)
class McNemarTest:
    """McNemar's exact test: whether two classifiers err equally often."""

    only_a: float  # rows that a alone has right
    only_b: float
    p_value: float  # two-sided


@dataclass(frozen=True, kw_only=True)
class AreasTest:
    """DeLong's test of two areas under the ROC curve; None where a class has one row or none."""

    area_a: float
    area_b: float
    difference: float  # b - a
    low: float | None  # of the difference's 95 % interval
    high: float | None
    p_value: float | None  # two-sided


@dataclass(frozen=True, kw_only=True)
class PairedTests:
    """What two versions that were measured on the same rows say of each other."""

    status: str  # not_started, running, done, failed or impossible
    reason: str | None  # why it is impossible, or why the job failed
    job_id: str | None
    rows: int | None
    mcnemar: McNemarTest | None
    roc_auc: AreasTest | None
    differences: Mapping[str, Interval]  # of b - a, by metric
    undefined: Mapping[str, str]  # mcnemar, roc_auc or differences → why it was not made


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What version b has over version a."""

    model_id: str
    version_a: ComparedVersion  # the base
    version_b: ComparedVersion
    metric_deltas: Mapping[str, float]  # b - a, of each metric that both have
    config_diff: Mapping[str, ConfigDifference]
    comparable: bool  # False: measured by different metric definitions
    paired: PairedTests
