"""Metrics of a classification that follow from confusion counts."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from assay.metrics.classification_report import zero_divisions
from assay.metrics.counts import ConfusionCounts
from assay.metrics.metric import CLASSIFICATION, Metric, Outcome, SetToZero
from assay.metrics.metric_inputs import MetricInputs
from assay.metrics.reasons import Reason


def _accuracy(inputs: MetricInputs) -> Outcome:
    return int(inputs.classes.true_positives.sum()) / int(inputs.classes.support.sum())


def _headline(name: str) -> Callable[[MetricInputs], Outcome]:
    """Return how precision, recall or F1 is summed up: the positive class, or weighted."""

    def compute(inputs: MetricInputs) -> Outcome:
        index = inputs.positive
        if index is None:
            return float(getattr(inputs.weighted, name))
        classes = inputs.classes
        zero = zero_divisions(int(classes.support[index]), int(classes.predicted[index]))
        if name in zero:
            return SetToZero(reason=zero[name])
        return float(getattr(classes, name)[index])

    return compute


def _balanced_accuracy(inputs: MetricInputs) -> Outcome:
    return float(np.mean(inputs.classes.recall[inputs.classes.support > 0]))


def _mcc(inputs: MetricInputs) -> Outcome:
    # Integers throughout: scikit-learn's float64 products lose bits beyond 94 million rows.
    classes = inputs.classes
    rows = int(classes.support.sum())
    true, predicted = classes.support.tolist(), classes.predicted.tolist()
    hits = int(classes.true_positives.sum())
    together = hits * rows - sum(t * p for t, p in zip(true, predicted, strict=True))
    spread = float(rows**2 - sum(p * p for p in predicted)) * float(
        rows**2 - sum(t * t for t in true)
    )
    return together / math.sqrt(spread) if spread else Reason.SINGLE_CLASS


def _kappa(inputs: MetricInputs) -> Outcome:
    # All in one place: of a thousand classes a matrix has 8 MB, and a bootstrap asks 200 times.
    cells = inputs.matrix.astype(np.float64)
    columns, rows = cells.sum(axis=0), cells.sum(axis=1)
    np.fill_diagonal(cells, 0)
    wrong = cells.sum()
    np.outer(columns, rows, out=cells)
    cells /= columns.sum()
    np.fill_diagonal(cells, 0)
    chance = float(cells.sum())
    return float(1 - wrong / chance) if chance else Reason.SINGLE_CLASS


_from_counts = partial(Metric, tasks=CLASSIFICATION, needs=ConfusionCounts)

CLASSIFICATION_METRICS: tuple[Metric, ...] = (
    _from_counts(
        name="accuracy",
        compute=_accuracy,
        description="Share of records whose predicted label is the true one",
    ),
    _from_counts(
        name="balanced_accuracy",
        compute=_balanced_accuracy,
        description="Mean recall over the classes that occur",
    ),
    _from_counts(
        name="precision",
        compute=_headline("precision"),
        description="Precision of the positive class (binary), or weighted by support "
        "(multi-class)",
    ),
    _from_counts(
        name="recall",
        compute=_headline("recall"),
        description="Recall of the positive class (binary), or weighted by support (multi-class)",
    ),
    _from_counts(
        name="f1_score",
        compute=_headline("f1_score"),
        description="F1 of the positive class (binary), or the weighted mean of the class F1s "
        "(multi-class)",
    ),
    _from_counts(
        name="mcc", compute=_mcc, description="Matthews correlation coefficient", low=-1.0
    ),
    _from_counts(name="kappa", compute=_kappa, description="Cohen's kappa", low=-1.0),
)
