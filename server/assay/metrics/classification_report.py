"""The classification report: per class and averaged precision, recall and F1, from counts alone.

Every value is computed by the operations that scikit-learn uses, so it is the same to the bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.metrics.counts import ConfusionCounts
from assay.metrics.reasons import Reason
from assay.metrics.sparse_counts import Counts
from assay.metrics.spec import MetricSpec
from assay.records.weights import UNIT

Floats = NDArray[np.float64]

AVERAGES = ("micro", "macro", "weighted")


@dataclass(frozen=True, kw_only=True)
class ClassRow:
    """The scores of one class; where a division by zero was set to 0 its reason is listed."""

    label: str
    precision: float
    recall: float
    f1_score: float
    support: int  # rows whose truth is the class, whatever their weight
    predicted: int  # rows predicted as the class
    true_positives: int
    zero_divisions: Mapping[str, Reason]  # of "precision", "recall", "f1_score"
    weight: float | None = None  # of the rows whose truth is the class; None: rows have none


@dataclass(frozen=True, kw_only=True)
class AverageRow:
    """Precision, recall and F1 averaged over classes; F1 is the average of the class F1s."""

    precision: float
    recall: float
    f1_score: float


@dataclass(frozen=True, kw_only=True)
class ClassReport:
    """Per class in label order, and averaged. Without rows there are no averages."""

    per_class: tuple[ClassRow, ...]
    averages: Mapping[str, AverageRow]  # "micro", "macro", "weighted"


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassCounts:
    """Counts per class, (k,) int64 each, and the scores derived from them, (k,) float64."""

    true_positives: Counts
    predicted: Counts
    support: Counts
    precision: Floats
    recall: Floats
    f1_score: Floats

    @classmethod
    def of(cls, matrix: Counts) -> ClassCounts:
        """Read a (k, k) confusion matrix."""
        return cls.of_totals(np.diagonal(matrix), matrix.sum(axis=0), matrix.sum(axis=1))

    @classmethod
    def of_totals(cls, hits: Counts, predicted: Counts, support: Counts) -> ClassCounts:
        """Read (k,) totals: how often each class is predicted rightly, predicted, and true."""
        return cls(
            true_positives=hits,
            predicted=predicted,
            support=support,
            precision=divide(hits, predicted),
            recall=divide(hits, support),
            f1_score=divide(2.0 * hits, support + predicted),
        )


def divide(numerator: Counts | NDArray[np.floating], denominator: Counts) -> Floats:
    """Return numerator / denominator in float64, 0 where the denominator is 0."""
    ratio: Floats = numerator / np.where(denominator == 0, 1, denominator)
    ratio[denominator == 0] = 0.0
    return ratio


def class_report(
    confusion: ConfusionCounts, spec: MetricSpec, weighted: ConfusionCounts | None = None
) -> ClassReport:
    """Read the report of a confusion matrix, in the label order of the spec.

    `weighted` is the matrix by weight, where rows have any: the scores follow from it, the counts
    from `confusion`. Raises ValueError when a counted label is not in the spec.
    """
    plain = ClassCounts.of(confusion.onto(spec.labels).matrix)
    counts, weights = plain, None
    if weighted is not None:
        counts = ClassCounts.of(whole_matrix(confusion, weighted, spec))
        weights = (weighted.onto(spec.labels).matrix.sum(axis=1) / UNIT).tolist()
    has_rows = bool(counts.support.any())
    return ClassReport(
        per_class=tuple(_rows(plain, counts, weights, spec.labels)),
        averages={name: average_row(counts, name) for name in AVERAGES} if has_rows else {},
    )


def whole_matrix(
    confusion: ConfusionCounts, weighted: ConfusionCounts | None, spec: MetricSpec
) -> Counts:
    """Return the (k, k) matrix that scores are read off, in the label order of the spec.

    Of weights, in millionths, it is a whole number of the largest unit up to 1 that they are all
    multiples of: so whole weights give the very numbers that as many rows would.
    """
    if weighted is None:
        return confusion.onto(spec.labels).matrix
    unit = np.gcd.reduce(weighted.sparse.counts, initial=UNIT)
    whole: Counts = weighted.onto(spec.labels).matrix // unit
    return whole


def average_row(counts: ClassCounts, name: str) -> AverageRow:
    """Average over classes; there is at least one row."""
    if name == "micro":
        hits = counts.true_positives.sum(keepdims=True)
        predicted, support = counts.predicted.sum(keepdims=True), counts.support.sum(keepdims=True)
        return AverageRow(
            precision=float(divide(hits, predicted)[0]),
            recall=float(divide(hits, support)[0]),
            f1_score=float(divide(2.0 * hits, support + predicted)[0]),
        )
    weights = counts.support if name == "weighted" else None
    return AverageRow(
        precision=float(np.average(counts.precision, weights=weights)),
        recall=float(np.average(counts.recall, weights=weights)),
        f1_score=float(np.average(counts.f1_score, weights=weights)),
    )


def zero_divisions(support: int, predicted: int) -> dict[str, Reason]:
    """Return which of precision, recall and F1 of a class divide by zero, and why."""
    result: dict[str, Reason] = {}
    if not predicted:
        result["precision"] = Reason.NO_PREDICTED
    if not support:
        result["recall"] = Reason.NO_POSITIVES
    if not support and not predicted:
        result["f1_score"] = Reason.NO_SUPPORT
    return result


def _rows(
    plain: ClassCounts, counts: ClassCounts, weights: list[float] | None, labels: tuple[str, ...]
) -> Iterator[ClassRow]:
    """Yield one row per label; arrays become Python numbers once, not value by value."""
    nothing: list[float | None] = [None] * len(labels)
    columns = zip(
        labels,
        counts.precision.tolist(),
        counts.recall.tolist(),
        counts.f1_score.tolist(),
        plain.support.tolist(),
        plain.predicted.tolist(),
        plain.true_positives.tolist(),
        counts.support.tolist(),
        counts.predicted.tolist(),
        weights or nothing,
        strict=True,
    )
    for (
        label,
        precision,
        recall,
        f1_score,
        support,
        predicted,
        hits,
        true,
        given,
        weight,
    ) in columns:
        yield ClassRow(
            label=label,
            precision=precision,
            recall=recall,
            f1_score=f1_score,
            support=support,
            predicted=predicted,
            true_positives=hits,
            zero_divisions=zero_divisions(true, given),
            weight=weight,
        )
