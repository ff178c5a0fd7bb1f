"""What of an evaluation is too large for its row: curves, tables, slices, mistakes.

One canonical JSON document, kept as a blob that `EvaluationResult.details` names. A job writes
it once; use cases read it back and never touch a row of the predictions again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from assay.domain.canonical import canonical_json
from assay.metrics.curves import Curve
from assay.metrics.reliability import (
    BrierDecomposition,
    Calibration,
    ReliabilityBin,
    ReliabilityTable,
)

MAX_MISTAKES = 500  # kept of each (true, predicted) cell, the most confident first


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

    calibration: Calibration | None = None  # None: no scores
    curves: Mapping[str, Curve] = field(default_factory=dict)  # by label
    roc_auc: AreaDetails | None = None  # None: no scores
    average_precision: AreaDetails | None = None  # None: no scores
    residuals: ResidualDetails | None = None  # None: not a regression
    slices: Mapping[str, tuple[SliceDetails, ...]] = field(default_factory=dict)  # by column
    mistakes: tuple[MistakeCell, ...] | None = None  # cells with mistakes; None: not a classifier
    intervals: Mapping[str, IntervalDetails] = field(default_factory=dict)  # by metric

    def to_json(self) -> bytes:
        """Return the canonical JSON; equal details are equal bytes."""
        calibration, mistakes = self.calibration, self.mistakes
        return canonical_json(
            {
                "calibration": None if calibration is None else calibration.to_dict(),
                "curves": {label: curve.to_dict() for label, curve in self.curves.items()},
                "roc_auc": _values(self.roc_auc),
                "average_precision": _values(self.average_precision),
                "residuals": _values(self.residuals),
                "slices": {
                    name: [_values(one) for one in rows] for name, rows in self.slices.items()
                },
                "mistakes": None if mistakes is None else [asdict(one) for one in mistakes],
                "intervals": {name: _values(one) for name, one in self.intervals.items()},
            }
        )

    @classmethod
    def from_json(cls, data: bytes | str) -> EvaluationDetails:
        """Return the details that `to_json` wrote."""
        values = json.loads(data)
        calibration, residuals = values["calibration"], values["residuals"]
        mistakes = values["mistakes"]
        return cls(
            calibration=None if calibration is None else _calibration(calibration),
            curves={label: Curve.from_dict(curve) for label, curve in values["curves"].items()},
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


def _values(one: Any) -> dict[str, Any] | None:
    """Return the fields of a flat dataclass; they are JSON values already."""
    return None if one is None else {each.name: getattr(one, each.name) for each in fields(one)}


def _area(values: Mapping[str, Any] | None) -> AreaDetails | None:
    return None if values is None else AreaDetails(**values)


def _calibration(values: Mapping[str, Any]) -> Calibration:
    return Calibration(
        target=values["target"],
        headline=_reliability(values["headline"]),
        per_class={label: _reliability(table) for label, table in values["per_class"].items()},
    )


def _reliability(values: Mapping[str, Any]) -> ReliabilityTable:
    brier = values["brier"]
    return ReliabilityTable(
        bins=tuple(ReliabilityBin(**one) for one in values["bins"]),
        ece=values["ece"],
        mce=values["mce"],
        ece_signed=values["ece_signed"],
        brier=None if brier is None else BrierDecomposition(**brier),
    )
