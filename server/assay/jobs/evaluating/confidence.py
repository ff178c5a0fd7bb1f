"""Where the metrics of an evaluation lie: intervals of the methods that fit its rows.

Proportions of rows have Wilson's interval and a ROC AUC DeLong's. Where rows belong to clusters
these would be too narrow, so then all intervals are the bootstrap's, which resamples clusters.
Weighted rows have none.
"""

from __future__ import annotations

from dataclasses import asdict

from assay.domain.evaluation_details import IntervalDetails
from assay.jobs.evaluating.results import Measured
from assay.metrics.bootstrap import Bootstrap, bootstrap_intervals
from assay.metrics.intervals import Interval, delong, wilson
from assay.metrics.report import class_report


def intervals(measured: Measured, bootstrap: Bootstrap | None) -> dict[str, IntervalDetails]:
    """Return the interval of each metric that has one, by name."""
    shape = measured.partial.shape
    if shape.has_weights:
        return {}
    found: dict[str, Interval | None] = {}
    if bootstrap is not None:
        found |= bootstrap_intervals(bootstrap, measured.settled)
    if not shape.has_clusters:
        found |= _proportions(measured)
        found |= _area(measured)
    return {
        name: IntervalDetails(**asdict(one))
        for name, one in sorted(found.items())
        if one is not None and name in measured.measures.metrics
    }


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
    return found


def _area(measured: Measured) -> dict[str, Interval | None]:
    positive = measured.settled.positive_label
    labels = measured.partial.shape.score_labels
    if positive is None or positive not in labels:
        return {}
    return {"roc_auc": delong(measured.ranks, labels.index(positive))}
