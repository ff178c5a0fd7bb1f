"""What of an evaluation is too large for its row: curves, tables, slices, mistakes.

One JSON document in sections, kept as a blob that `EvaluationResult.details` names. A job writes
it once; use cases read the sections that they need, and never a row of the predictions again.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from assay.kernel.storage.indexed_json import Index, write_sections
from assay.metrics.curves import Curve
from assay.metrics.reliability import (
    BrierDecomposition,
    Calibration,
    ReliabilityBin,
    ReliabilityTable,
)

MAX_MISTAKES = 500  # kept of each (true, predicted) cell, the most confident first
NO_FEATURES = "{}"

# Names of sections; those of curves go on with the label, those of kept mistakes with the cell.
CALIBRATION, ROC_AUC, AVERAGE_PRECISION = "calibration", "roc_auc", "average_precision"
RESIDUALS, SLICES, INTERVALS = "residuals", "slices", "intervals"
WITHOUT_INTERVAL = "without_interval"
CURVE, CELLS, KEPT = "curve:", "mistakes", "mistakes:"


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
    """The distribution of true - predicted."""

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
    features: str = NO_FEATURES  # its feature columns as a JSON object, decoded only when shown


@dataclass(frozen=True, kw_only=True)
class KeptMistakes:
    """Rows that were predicted wrong, by column: thousands of cells keep 500 rows each."""

    rows: tuple[int, ...]  # their numbers in the evaluation, from 0
    row_ids: tuple[str | None, ...] | None = None  # None: no row has one
    confidence: tuple[float | None, ...] | None = None  # of the predicted label; None: no scores
    features: tuple[str, ...] | None = None  # as JSON objects, decoded only when shown; None: none

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int) -> MistakeDetails:
        return MistakeDetails(
            row=self.rows[place],
            row_id=None if self.row_ids is None else self.row_ids[place],
            confidence=None if self.confidence is None else self.confidence[place],
            features=NO_FEATURES if self.features is None else self.features[place],
        )


NOTHING_KEPT = KeptMistakes(rows=())


@dataclass(frozen=True, kw_only=True)
class MistakeCell:
    """The mistakes of one (true, predicted) cell of the confusion matrix."""

    true_label: str
    predicted_label: str
    total: int  # all of them
    kept: KeptMistakes  # 1 to MAX_MISTAKES, the most confident first; ties by row


@dataclass(frozen=True, kw_only=True)
class CellHead:
    """What of a cell is known without its rows."""

    true_label: str
    predicted_label: str
    total: int  # all of its mistakes
    best: float | None  # the confidence of the first kept one
    first_row: int  # of the first kept one


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
    mistakes: tuple[MistakeCell, ...] | None = None  # cells with any; None: not a classifier
    intervals: Mapping[str, IntervalDetails] = field(default_factory=dict)  # by metric
    without_interval: Mapping[str, str] = field(default_factory=dict)  # metric → reason

    def to_json(self) -> bytes:
        """Return the document; equal details are equal bytes."""
        sections: dict[str, Any] = {
            CALIBRATION: None if self.calibration is None else self.calibration.to_dict(),
            ROC_AUC: _values(self.roc_auc),
            AVERAGE_PRECISION: _values(self.average_precision),
            RESIDUALS: _values(self.residuals),
            **{f"{CURVE}{label}": curve.to_dict() for label, curve in self.curves.items()},
        }
        if self.slices:
            sections[SLICES] = {
                name: [_values(one) for one in rows] for name, rows in self.slices.items()
            }
        if self.intervals:
            sections[INTERVALS] = {name: _values(one) for name, one in self.intervals.items()}
        if self.without_interval:
            sections[WITHOUT_INTERVAL] = dict(self.without_interval)
        if self.mistakes is not None:
            sections[CELLS] = [_values(_head(cell)) for cell in self.mistakes]
            for number, cell in enumerate(self.mistakes):
                sections[f"{KEPT}{number}"] = _values(cell.kept)
        return write_sections({name: one for name, one in sections.items() if one is not None})

    @classmethod
    def from_json(cls, data: bytes) -> EvaluationDetails:
        """Return the details that `to_json` wrote, all of them."""
        file = io.BytesIO(data)
        index = Index.of(file)

        def read(name: str) -> Any:
            return read_section(name, index.read(file, name)) if name in index.places else None

        heads: tuple[CellHead, ...] | None = read(CELLS)
        return cls(
            calibration=read(CALIBRATION),
            curves={label: read(f"{CURVE}{label}") for label in index.named(CURVE)},
            roc_auc=read(ROC_AUC),
            average_precision=read(AVERAGE_PRECISION),
            residuals=read(RESIDUALS),
            slices=read(SLICES) or {},
            mistakes=None
            if heads is None
            else tuple(
                MistakeCell(
                    true_label=head.true_label,
                    predicted_label=head.predicted_label,
                    total=head.total,
                    kept=read(f"{KEPT}{number}"),
                )
                for number, head in enumerate(heads)
            ),
            intervals=read(INTERVALS) or {},
            without_interval=read(WITHOUT_INTERVAL) or {},
        )


def read_section(name: str, values: Any) -> Any:
    """Return what the JSON values of a section stand for; see the fields of EvaluationDetails.

    Of CELLS that is a tuple of CellHead, of KEPT and a cell's number its KeptMistakes.
    """
    if name.startswith(CURVE):
        return Curve.from_dict(values)
    if name.startswith(KEPT):
        return _kept(values)
    return _READERS[name](values)


def _head(cell: MistakeCell) -> CellHead:
    first = cell.kept[0]
    return CellHead(
        true_label=cell.true_label,
        predicted_label=cell.predicted_label,
        total=cell.total,
        best=first.confidence,
        first_row=first.row,
    )


def _values(one: Any) -> dict[str, Any] | None:
    """Return the fields of a flat dataclass; they are JSON values already."""
    return None if one is None else {each.name: getattr(one, each.name) for each in fields(one)}


def _area(values: Mapping[str, Any]) -> AreaDetails:
    return AreaDetails(**values)


def _slices(values: Mapping[str, Any]) -> dict[str, tuple[SliceDetails, ...]]:
    return {name: tuple(SliceDetails(**one) for one in rows) for name, rows in values.items()}


def _intervals(values: Mapping[str, Any]) -> dict[str, IntervalDetails]:
    return {name: IntervalDetails(**one) for name, one in values.items()}


def _cells(values: Sequence[Any]) -> tuple[CellHead, ...]:
    return tuple(CellHead(**one) for one in values)


def _kept(values: Mapping[str, Any]) -> KeptMistakes:
    columns: dict[str, Any] = {
        name: None if column is None else tuple(column) for name, column in values.items()
    }
    return KeptMistakes(**columns)


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


_READERS: Mapping[str, Callable[[Any], Any]] = {
    CALIBRATION: _calibration,
    ROC_AUC: _area,
    AVERAGE_PRECISION: _area,
    RESIDUALS: ResidualDetails.from_dict,
    SLICES: _slices,
    INTERVALS: _intervals,
    WITHOUT_INTERVAL: dict,
    CELLS: _cells,
}
