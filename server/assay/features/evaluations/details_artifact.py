"""Details of an evaluation, too large for its row: curves, tables, slices, mistakes.

One JSON document in sections, kept as a blob that `EvaluationResult.details` names. A job writes
it once; use cases read the sections that they need, and never a row of the predictions again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO

from assay.kernel.storage.indexed_json import SectionIndex, write_sections
from assay.metrics.curves import Curve, CurvePoint
from assay.metrics.intervals import Interval
from assay.metrics.order_statistics import ResidualSummary
from assay.metrics.reliability import Calibration
from assay.records import Record

MAX_MISTAKES = 500  # kept of each (true, predicted) cell, the most confident first
NO_FEATURES = "{}"

# Names of sections; those of curves go on with the label, those of kept mistakes with the cell.
CALIBRATION, ROC_AUC, AVERAGE_PRECISION = "calibration", "roc_auc", "average_precision"
RESIDUALS, SLICES, INTERVALS = "residuals", "slices", "intervals"
WITHOUT_INTERVAL = "without_interval"
CURVE, CELLS, KEPT = "curve:", "mistakes", "mistakes:"


class AreaDetails(Record):
    """An area under a curve, by class and averaged (ROC AUC, average precision)."""

    per_class: Mapping[str, float]  # by label; only defined ones
    undefined: Mapping[str, str]  # label → reason
    defined_classes: int
    macro: float | None = None
    weighted: float | None = None
    micro: float | None = None


class SliceDetails(Record):
    """The rows that share one value of a slice column, measured alone."""

    value: str | None  # None: the rows have no value
    rows: int
    weight: float | None = None  # total weight; None: unweighted
    metrics: Mapping[str, float]
    undefined: Mapping[str, str]  # metric → reason


class MistakeDetails(Record):
    """One row that was predicted wrong."""

    row: int  # its number in the evaluation, from 0
    row_id: str | None = None
    confidence: float | None = None  # of the predicted label; None: no scores
    features: str = NO_FEATURES  # its feature columns as a JSON object, decoded only when shown


class KeptMistakes(Record):
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


class MistakeCell(Record):
    """The mistakes of one (true, predicted) cell of the confusion matrix."""

    true_label: str
    predicted_label: str
    total: int  # all of them
    kept: KeptMistakes  # 1 to MAX_MISTAKES, the most confident first; ties by row


class CellHead(Record):
    """What of a cell is known without its rows."""

    true_label: str
    predicted_label: str
    total: int  # all of its mistakes
    best: float | None  # the confidence of the first kept one
    first_row: int  # of the first kept one


class CurveColumns(Record):
    """A curve by column, as it rests: a thousand points are no objects there."""

    thresholds: tuple[float | None, ...]
    true_positives: tuple[int, ...]
    false_positives: tuple[int, ...]
    positives: int
    negatives: int
    best_f1: tuple[float | None, int, int]
    unit: int


class EvaluationDetails(Record):
    """Everything of one evaluation that its row has no place for; None where it does not apply."""

    calibration: Calibration | None = None  # None: no scores
    curves: Mapping[str, Curve] = {}  # by label
    roc_auc: AreaDetails | None = None  # None: no scores
    average_precision: AreaDetails | None = None  # None: no scores
    residuals: ResidualSummary | None = None  # None: not a regression
    slices: Mapping[str, tuple[SliceDetails, ...]] = {}  # by column
    mistakes: tuple[MistakeCell, ...] | None = None  # cells with any; None: not a classifier
    intervals: Mapping[str, Interval] = {}  # by metric
    without_interval: Mapping[str, str] = {}  # metric → reason

    def write(self) -> bytes:
        """Return the document in sections; equal details are equal bytes."""
        sections: dict[str, Any] = {
            CALIBRATION: self.calibration,
            ROC_AUC: self.roc_auc,
            AVERAGE_PRECISION: self.average_precision,
            RESIDUALS: self.residuals,
            **{f"{CURVE}{label}": _columns(curve) for label, curve in self.curves.items()},
            SLICES: self.slices or None,
            INTERVALS: self.intervals or None,
            WITHOUT_INTERVAL: self.without_interval or None,
        }
        if self.mistakes is not None:
            sections[CELLS] = [_head(cell) for cell in self.mistakes]
            for number, cell in enumerate(self.mistakes):
                sections[f"{KEPT}{number}"] = cell.kept
        return write_sections({name: one for name, one in sections.items() if one is not None})


def read_section(index: SectionIndex, file: BinaryIO, name: str) -> Any:
    """Return a section's value; see the fields of EvaluationDetails.

    Of CELLS that is a tuple of CellHead, of KEPT and a cell's number its KeptMistakes.
    Raises KeyError where there is none, DamagedRecord.
    """
    if name.startswith(CURVE):
        return _curve(index.read(file, name, CurveColumns))
    return index.read(file, name, KeptMistakes if name.startswith(KEPT) else _TYPES[name])


def _columns(curve: Curve) -> CurveColumns:
    best = curve.best_f1
    return CurveColumns(
        thresholds=tuple([point.threshold for point in curve.points]),
        true_positives=tuple([point.true_positives for point in curve.points]),
        false_positives=tuple([point.false_positives for point in curve.points]),
        positives=curve.positives,
        negatives=curve.negatives,
        best_f1=(best.threshold, best.true_positives, best.false_positives),
        unit=curve.unit,
    )


def _curve(stored: CurveColumns) -> Curve:
    columns = (stored.thresholds, stored.true_positives, stored.false_positives)
    return Curve(
        points=tuple([_point(*each) for each in zip(*columns, strict=True)]),
        positives=stored.positives,
        negatives=stored.negatives,
        best_f1=_point(*stored.best_f1),
        unit=stored.unit,
    )


def _point(threshold: float | None, hits: int, wrong: int) -> CurvePoint:
    return CurvePoint(threshold=threshold, true_positives=hits, false_positives=wrong)


def _head(cell: MistakeCell) -> CellHead:
    first = cell.kept[0]
    return CellHead(
        true_label=cell.true_label,
        predicted_label=cell.predicted_label,
        total=cell.total,
        best=first.confidence,
        first_row=first.row,
    )


_TYPES: Mapping[str, Any] = {
    CALIBRATION: Calibration,
    ROC_AUC: AreaDetails,
    AVERAGE_PRECISION: AreaDetails,
    RESIDUALS: ResidualSummary,
    SLICES: dict[str, tuple[SliceDetails, ...]],
    INTERVALS: dict[str, Interval],
    WITHOUT_INTERVAL: dict[str, str],
    CELLS: tuple[CellHead, ...],
}
