"""What of an evaluation is too large for its row: curves, tables, slices, mistakes.

One canonical JSON document, kept as a blob that `EvaluationResult.details` names. A job writes
it once; use cases read it back and never touch a row of the predictions again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from assay.domain.canonical import canonical_json

MAX_CURVE_POINTS = 1_000  # of one class; a resolution is a subsample of these
MAX_MISTAKES = 500  # kept of each (true, predicted) cell, the most confident first


@dataclass(frozen=True, kw_only=True)
class CalibrationBin:
    """Records whose confidence lies in (low, high]; the first bin holds its low edge too."""

    low: float
    high: float
    count: int  # records
    weight: float | None = None  # their total weight; None: unweighted
    mean_confidence: float | None = None  # None: the bin is empty
    accuracy: float | None = None  # share that is what was claimed; None: empty
    gap: float | None = None  # mean_confidence - accuracy; None: empty


@dataclass(frozen=True, kw_only=True)
class BrierParts:
    """The Brier score, taken apart: reliability - resolution + uncertainty + within_bin."""

    reliability: float
    resolution: float
    uncertainty: float
    within_bin: float


@dataclass(frozen=True, kw_only=True)
class CalibrationTable:
    """How far confidences are true of one class, or of the top label."""

    bins: tuple[CalibrationBin, ...]
    ece: float  # expected calibration error, 0 to 1
    mce: float  # largest gap of a bin, 0 to 1
    ece_signed: float  # -1 to 1; positive: over-confident
    brier: BrierParts | None = None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CalibrationTable:
        """Return the table of its JSON values."""
        brier = values["brier"]
        return cls(
            bins=tuple(CalibrationBin(**one) for one in values["bins"]),
            ece=values["ece"],
            mce=values["mce"],
            ece_signed=values["ece_signed"],
            brier=None if brier is None else BrierParts(**brier),
        )


@dataclass(frozen=True, kw_only=True)
class CalibrationDetails:
    """The calibration of an evaluation with scores."""

    target: str  # what the headline is of: `positive` or `top_label`
    headline: CalibrationTable
    per_class: Mapping[str, CalibrationTable]  # by label, each one against the rest

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CalibrationDetails:
        """Return the calibration of its JSON values."""
        return cls(
            target=values["target"],
            headline=CalibrationTable.from_dict(values["headline"]),
            per_class={
                label: CalibrationTable.from_dict(table)
                for label, table in values["per_class"].items()
            },
        )


@dataclass(frozen=True, kw_only=True)
class CurveDetails:
    """The counts that ROC, precision-recall and threshold tables of one class follow from.

    Point i: of the rows with a score of at least `thresholds[i]`, `tp[i]` are of the class and
    `fp[i]` are not. Thresholds fall; both ends are kept, and the first point is None: above all
    scores. Counts are rows, or weights where the rows have some.
    """

    thresholds: tuple[float | None, ...]  # at most MAX_CURVE_POINTS
    tp: tuple[float, ...]
    fp: tuple[float, ...]
    positives: float  # all that are of the class
    negatives: float  # all that are not
    best_f1: tuple[float | None, float, float]  # threshold, tp, fp; exact, of every threshold

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CurveDetails:
        """Return the curve of its JSON values."""
        return cls(
            thresholds=tuple(values["thresholds"]),
            tp=tuple(values["tp"]),
            fp=tuple(values["fp"]),
            positives=values["positives"],
            negatives=values["negatives"],
            best_f1=tuple(values["best_f1"]),
        )


@dataclass(frozen=True, kw_only=True)
class AreaDetails:
    """An area under a curve, by class and averaged (ROC AUC, average precision)."""

    per_class: Mapping[str, float]  # by label; only defined ones
    undefined: Mapping[str, str]  # label → reason
    defined_classes: int
    macro: float | None = None
    weighted: float | None = None
    micro: float | None = None


@dataclass(frozen=True, kw_only=True)
class ResidualDetails:
    """The distribution of predicted - true."""

    quantiles: Mapping[str, float]  # by probability as text: "0.01" … "0.99"
    minimum: float
    maximum: float
    edges: tuple[float, ...]  # of the histogram, one more than counts
    counts: tuple[int, ...]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ResidualDetails:
        """Return the residuals of their JSON values."""
        return cls(
            **{
                **values,
                "edges": tuple(values["edges"]),
                "counts": tuple(values["counts"]),
            }
        )


@dataclass(frozen=True, kw_only=True)
class SliceDetails:
    """The rows that share one value of a slice column, measured alone."""

    value: str | None  # None: the rows have no value
    rows: int
    weight: float | None = None  # total weight; None: unweighted
    metrics: Mapping[str, float]
    undefined: Mapping[str, str]  # metric → reason


@dataclass(frozen=True, kw_only=True)
class MistakeDetails:
    """One row that was predicted wrong."""

    row: int  # its number in the evaluation, from 0
    row_id: str | None = None
    confidence: float | None = None  # of the predicted label; None: no scores
    features: str = "{}"  # its feature columns as a JSON object, decoded only when shown


@dataclass(frozen=True, kw_only=True)
class MistakeCell:
    """The mistakes of one (true, predicted) cell of the confusion matrix."""

    true_label: str
    predicted_label: str
    total: int  # all of them
    kept: tuple[MistakeDetails, ...]  # the most confident MAX_MISTAKES; ties by row

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> MistakeCell:
        """Return the cell of its JSON values."""
        kept = tuple(MistakeDetails(**one) for one in values["kept"])
        return cls(**{**values, "kept": kept})


@dataclass(frozen=True, kw_only=True)
class IntervalDetails:
    """Where a metric lies with a probability of `level`."""

    low: float
    high: float
    level: float  # such as 0.95
    method: str  # wilson, delong or bootstrap


@dataclass(frozen=True, kw_only=True)
class EvaluationDetails:
    """Everything of one evaluation that its row has no place for; None where it does not apply."""

    calibration: CalibrationDetails | None = None  # None: no scores
    curves: Mapping[str, CurveDetails] = field(default_factory=dict)  # by label
    roc_auc: AreaDetails | None = None  # None: no scores
    average_precision: AreaDetails | None = None  # None: no scores
    residuals: ResidualDetails | None = None  # None: not a regression
    slices: Mapping[str, tuple[SliceDetails, ...]] = field(default_factory=dict)  # by column
    mistakes: tuple[MistakeCell, ...] | None = None  # cells with mistakes; None: not a classifier
    intervals: Mapping[str, IntervalDetails] = field(default_factory=dict)  # by metric

    def to_json(self) -> bytes:
        """Return the canonical JSON; equal details are equal bytes."""
        return canonical_json(asdict(self))

    @classmethod
    def from_json(cls, data: bytes | str) -> EvaluationDetails:
        """Return the details that `to_json` wrote."""
        values = json.loads(data)
        calibration, residuals = values["calibration"], values["residuals"]
        mistakes = values["mistakes"]
        return cls(
            calibration=None if calibration is None else CalibrationDetails.from_dict(calibration),
            curves={
                label: CurveDetails.from_dict(curve) for label, curve in values["curves"].items()
            },
            roc_auc=_area(values["roc_auc"]),
            average_precision=_area(values["average_precision"]),
            residuals=None if residuals is None else ResidualDetails.from_dict(residuals),
            slices={
                name: tuple(SliceDetails(**one) for one in rows)
                for name, rows in values["slices"].items()
            },
            mistakes=(
                None if mistakes is None else tuple(MistakeCell.from_dict(one) for one in mistakes)
            ),
            intervals={name: IntervalDetails(**one) for name, one in values["intervals"].items()},
        )


def _area(values: Mapping[str, Any] | None) -> AreaDetails | None:
    return None if values is None else AreaDetails(**values)
