"""The metric spec: what was measured, spelled out and hashed beside every result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from assay.metrics.calibration import BINS
from assay.metrics.curves import STEPS
from assay.metrics.losses import LOG_LOSS_EPSILON
from assay.records.predictions import obvious_positive

SPEC_VERSION = 1


class Task(StrEnum):
    """What the model does."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"


class SpecError(ValueError):
    """The labels and scores do not say what to measure; the message names the way out."""


@dataclass(frozen=True, kw_only=True)
class MetricSpec:
    """Everything that changes a number. Equal specs have equal hashes."""

    task: Task
    labels: tuple[str, ...] = ()  # in the order of every matrix and list; empty for regression
    positive_label: str | None = None  # binary only; None = no class is the positive one
    label_set_inferred: bool = False  # True: the labels are those that were observed

    def __post_init__(self) -> None:
        if len(set(self.labels)) != len(self.labels):
            raise SpecError("the label set holds a label twice")
        if self.positive_label is not None and self.positive_label not in self.labels:
            raise SpecError(f"the positive label {self.positive_label!r} is not in the label set")
        if self.positive_label is not None and self.task is not Task.BINARY:
            raise SpecError("only a binary task has a positive label")
        if self.task is Task.BINARY and len(self.labels) > 2:
            raise SpecError(f"a binary task has two labels, not {len(self.labels)}")
        if self.task is Task.REGRESSION and self.labels:
            raise SpecError("a regression has no labels")

    @property
    def headline(self) -> str:
        """How precision, recall and F1 are summed up: "positive", "weighted" or "none"."""
        if self.task is Task.REGRESSION:
            return "none"
        return "weighted" if self.positive_label is None else "positive"

    @property
    def calibration_target(self) -> str:
        """Whose score the headline calibration is about: "positive", "top_label" or "none"."""
        if self.task is Task.REGRESSION:
            return "none"
        return "top_label" if self.positive_label is None else "positive"

    def rules(self) -> dict[str, object]:
        """Return the spec as JSON, the derived and the fixed rules included."""
        ranked = "positive" if self.headline == "positive" else "ovr_macro_defined"
        rules = asdict(self) | {
            "labels": list(self.labels),
            "headline": self.headline,
            # A class in neither truth nor prediction counts as 0, as in scikit-learn.
            "absent_class_policy": "include_as_zero",
            "zero_division": "zero",
            "log_loss_epsilon": LOG_LOSS_EPSILON,
            "version": SPEC_VERSION,
        }
        if self.task is Task.REGRESSION:
            quantiles = {"residual_quantiles": "linear", "mape_zero_targets": "left_out"}
            return rules | {"roc_auc_headline": "none"} | quantiles
        return rules | {
            "roc_auc_headline": ranked,
            "average_precision_headline": ranked,
            "calibration_bins": BINS,
            "calibration_edges": "low_open_high_closed",
            "calibration_target": self.calibration_target,
            "top_k_ties": "first_label",
            "curve_steps": STEPS,
        }


def classification_spec(
    *,
    declared: Sequence[str] | None = None,
    positive_label: str | None = None,
    score_labels: Sequence[str] | None = None,
    lone_score: bool = False,
    observed: Sequence[str] = (),
) -> MetricSpec:
    """Settle task, label set and positive label by the rules of the numeric contract.

    declared      the labels that the model declares, in its order
    score_labels  the labels of one score column per class
    lone_score    whether there is a single `score` column, the positive class's
    observed      the labels found in truth and prediction

    The set is what is declared, else what the score columns name, else what was observed,
    sorted. Raises SpecError when a lone score has no positive label or the set is not a pair.
    """
    inferred = not declared and not score_labels
    labels = tuple(declared or score_labels or sorted(set(observed)))
    positive = positive_label
    if positive is None:
        positive = obvious_positive(labels)
    if inferred and positive is not None and (lone_score or positive_label is not None):
        labels = tuple(sorted({*labels, positive}))
    if lone_score and positive is None:
        raise SpecError(
            "a lone score column needs to know which label it is the probability of: declare the "
            "model's positive_label, or send one column score:<label> per label"
        )
    if lone_score and len(labels) > 2:
        raise SpecError(
            f"a lone score column serves two labels, and there are {len(labels)}: send one column "
            "score:<label> per label"
        )
    binary = len(labels) == 2 or (len(labels) < 2 and positive is not None)
    if positive_label is not None and not binary:
        raise SpecError(f"a positive label needs two labels, and there are {len(labels)}")
    if lone_score and positive not in labels:
        raise SpecError(f"the positive label {positive!r} is not in the label set")
    if positive_label is None and positive not in labels:
        positive = None
    return MetricSpec(
        task=Task.BINARY if binary else Task.MULTICLASS,
        labels=labels,
        positive_label=positive if binary else None,
        label_set_inferred=inferred,
    )


def regression_spec() -> MetricSpec:
    """Return the spec of a regression."""
    return MetricSpec(task=Task.REGRESSION)
