"""Confidence intervals of the metrics of an evaluation, by the methods that fit its rows.

Proportions of rows have Wilson's interval and a ROC AUC DeLong's. Where rows belong to clusters
or have weights these do not hold, so then all intervals are the bootstrap's. Of more rows than
are resampled one by one, what follows from counts is resampled by its cells; the rest, and every
other metric without an interval, has a reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from assay.features.evaluations.job_results import Measured
from assay.features.evaluations.second_pass import BOOTSTRAP_ROWS
from assay.metrics.classification_report import class_report
from assay.metrics.counts import ConfusionCounts
from assay.metrics.intervals import Interval, delong, wilson
from assay.metrics.losses import BrierSum, LogLossSum
from assay.metrics.reasons import Reason
from assay.metrics.registry import METRIC_BY_NAME
from assay.metrics.regression_sums import RegressionSums
from assay.metrics.resampling.bootstrap import MOST_CELLS, Bootstrap, bootstrap_intervals
from assay.metrics.topk import TOPS, TopRanks

RESAMPLED = (ConfusionCounts, LogLossSum, BrierSum, RegressionSums)  # what a replicate holds


@dataclass(frozen=True, kw_only=True)
class Intervals:
    """Of every metric of an evaluation its interval, or the reason that it has none."""

    found: Mapping[str, Interval]
    undefined: Mapping[str, Reason]


def intervals(measured: Measured, bootstrap: Bootstrap | None) -> Intervals:
    """Return the intervals of an evaluation; `bootstrap` is that of its rows, where there is one."""
    shape, measures = measured.partial.shape, measured.measures
    if bootstrap is None:
        bootstrap = _of_cells(measured)
    found: dict[str, Interval | None] = {}
    if bootstrap is not None:
        found |= bootstrap_intervals(bootstrap, measured.settled)
    if not shape.has_clusters and not shape.has_weights:
        found |= _proportions(measured)
        found |= _area(measured)
    told = {**measures.undefined, **measures.zero_divisions}
    known = {
        name: one
        for name, one in sorted(found.items())
        if one is not None and name in measures.metrics and name not in told
    }
    lacking = {
        name: _why_not(name, measured, bootstrap)
        for name in measures.metrics
        if name not in known and name not in told
    }
    return Intervals(found=known, undefined=dict(sorted({**told, **lacking}.items())))


def _why_not(name: str, measured: Measured, bootstrap: Bootstrap | None) -> Reason:
    """Return why a metric that is defined has no interval."""
    shape, needs = measured.partial.shape, METRIC_BY_NAME[name].needs
    is_area = name == "roc_auc" and measured.settled.positive_label is not None
    if is_area or needs is TopRanks:
        if shape.has_weights:
            return Reason.WEIGHTED_ROWS
        return Reason.CLUSTERED_ROWS if shape.has_clusters else Reason.TOO_FEW_ROWS
    if needs not in RESAMPLED:
        return Reason.NO_METHOD
    is_count = needs is ConfusionCounts
    if bootstrap is not None and (is_count or measured.partial.rows <= BOOTSTRAP_ROWS):
        return Reason.UNDEFINED_REPLICATE
    if measured.partial.rows <= BOOTSTRAP_ROWS:
        return Reason.OVERFLOW
    if is_count and not shape.has_weights and not shape.has_clusters:
        return Reason.TOO_MANY_CELLS
    return Reason.TOO_MANY_ROWS


def _of_cells(measured: Measured) -> Bootstrap | None:
    """Resample the confusion matrix, where its rows are alike and too many to resample."""
    shape, classes = measured.partial.shape, measured.classes
    if classes is None or shape.has_weights or shape.has_clusters:
        return None
    if measured.partial.rows <= BOOTSTRAP_ROWS:
        return None
    confusion = classes.confusion.onto(measured.settled.labels)
    return None if len(confusion.sparse.cells) > MOST_CELLS else Bootstrap.of_cells(confusion)


def _proportions(measured: Measured) -> dict[str, Interval | None]:
    classes = measured.classes
    if classes is None:
        return {}
    rows = class_report(classes.confusion, measured.settled).per_class
    right = sum(row.true_positives for row in rows)
    found = {"accuracy": wilson(right, measured.partial.rows)}
    for row in rows:
        if row.label == measured.settled.positive_label:
            found["precision"] = wilson(row.true_positives, row.predicted)
            found["recall"] = wilson(row.true_positives, row.support)
    ranks = classes.get(TopRanks)
    if ranks is not None:
        for first in TOPS:
            found[f"top_{first}_accuracy"] = wilson(ranks.among(first), measured.partial.rows)
    return found


def _area(measured: Measured) -> dict[str, Interval | None]:
    positive = measured.settled.positive_label
    labels = measured.partial.shape.score_labels
    if positive is None or positive not in labels:
        return {}
    return {"roc_auc": delong(measured.ranks, labels.index(positive))}
