"""What lies behind the headline numbers: curves, tables, mistakes and intervals, as values.

Every report says of which evaluation it is: `model_id`, `version_id` and `dataset_split`.
Counts are of records, or of their weight where the rows had weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class OfVersion:
    """The version and the split that something was measured of."""

    model_id: str
    version_id: str
    dataset_split: str


@dataclass(frozen=True, kw_only=True)
class RocPoint:
    """One point of a ROC curve."""

    fpr: float
    tpr: float
    threshold: float | None  # None above every score, and for the macro average


@dataclass(frozen=True, kw_only=True)
class RocCurve(OfVersion):
    """How true and false positive rates move with the threshold."""

    class_label: str | None  # None for the macro average
    averaging: str  # one_vs_rest or macro
    roc_auc: float | None  # of the whole curve, whatever the resolution
    points: tuple[RocPoint, ...]  # from (0, 0) to (1, 1); () where undefined
    undefined: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class PrPoint:
    """One point of a precision-recall curve."""

    recall: float
    precision: float
    threshold: float | None  # None above every score


@dataclass(frozen=True, kw_only=True)
class PrCurve(OfVersion):
    """How precision and recall move with the threshold."""

    class_label: str
    average_precision: float | None  # of the whole curve, whatever the resolution
    points: tuple[PrPoint, ...]  # from recall 0 on; () where undefined
    undefined: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class ThresholdRow:
    """What predicting a class from a threshold on gives."""

    threshold: float | None  # None above every score
    true_positive: float
    false_positive: float
    false_negative: float
    true_negative: float
    precision: float | None  # None where nothing is found
    recall: float
    f1_score: float
    false_positive_rate: float


@dataclass(frozen=True, kw_only=True)
class ThresholdTable(OfVersion):
    """What each threshold gives for one class, by falling threshold."""

    class_label: str
    rows: tuple[ThresholdRow, ...]
    best_f1: ThresholdRow | None  # of all scores, kept in rows or not
    best_cost: ThresholdRow | None  # None unless costs were sent
    cost: float | None  # of best_cost, in all
    undefined: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class ReliabilityBin:
    """Records whose confidence lies above `low` and up to `high`; None where there are none."""

    low: float
    high: float
    count: float
    mean_confidence: float | None
    accuracy: float | None
    gap: float | None  # mean_confidence less accuracy


@dataclass(frozen=True, kw_only=True)
class BrierDecomposition:
    """Brier score = reliability - resolution + uncertainty + within_bin."""

    reliability: float
    resolution: float
    uncertainty: float
    within_bin: float


@dataclass(frozen=True, kw_only=True)
class ReliabilityTable:
    """Confidence against truth, in bins of equal width."""

    bins: tuple[ReliabilityBin, ...]
    ece: float
    mce: float
    ece_signed: float  # positive is over-confident
    brier: BrierDecomposition | None  # None for the top label, which has none


@dataclass(frozen=True, kw_only=True)
class Calibration(OfVersion):
    """How far confidences are true."""

    target: str  # what the headline is of: positive or top_label
    headline: ReliabilityTable
    per_class: Mapping[str, ReliabilityTable]


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One record that was predicted wrong."""

    row: int  # its number in the evaluation, from 0
    row_id: str | None
    true_label: str
    predicted_label: str
    confidence: float | None  # None without scores
    features: Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class MisclassificationErrors(OfVersion):
    """The most confident mistakes of a classifier, first."""

    total: int  # mistakes with the labels asked for, whatever their confidence
    errors: tuple[Mistake, ...]


@dataclass(frozen=True, kw_only=True)
class ResidualBin:
    """Rows whose residual lies from `low` to `high`, in the unit of the target."""

    low: float
    high: float
    count: int


@dataclass(frozen=True, kw_only=True)
class Residuals(OfVersion):
    """The distribution of true less predicted, in the unit of the target."""

    rows: int
    quantiles: Mapping[float, float]  # probability → residual, ascending
    minimum: float
    maximum: float
    bins: tuple[ResidualBin, ...]


@dataclass(frozen=True, kw_only=True)
class Slice:
    """The rows that share one value of a slice column."""

    value: str | None  # None for rows without one
    rows: int
    weight: float | None
    metrics: Mapping[str, float]
    undefined: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Slices(OfVersion):
    """Metrics of parts of the rows: column → its values."""

    columns: Mapping[str, tuple[Slice, ...]]


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Where a metric lies with a given probability."""

    metric: str  # of one class: `name:label`
    value: float | None
    low: float
    high: float
    level: float  # such as 0.95
    method: str  # wilson, delong or bootstrap


@dataclass(frozen=True, kw_only=True)
class Intervals(OfVersion):
    """Confidence intervals of the metrics that have one, and why the others have none."""

    by_metric: Mapping[str, Interval]
    undefined: Mapping[str, str] = field(default_factory=dict)  # metric → reason
