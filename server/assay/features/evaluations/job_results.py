"""The merged statistic becomes numbers: the result of an evaluation, and live ones before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from assay.features.evaluations.job_spec import EvaluationJob, LiveMetrics
from assay.features.evaluations.model import ClassScores, EvaluationResult, EvaluationSpec
from assay.features.evaluations.partial_aggregate import PartialAggregate, environment, merge
from assay.kernel.errors import BadPredictions
from assay.metrics.classification_report import ClassReport, class_report
from assay.metrics.counts import ConfusionCounts
from assay.metrics.histogram import RankHistogram, RankWeights
from assay.metrics.order_statistics import ResidualCounts
from assay.metrics.ranking import RankCounts
from assay.metrics.registry import Measures, evaluate, live
from assay.metrics.spec import MetricSpec, SpecError, classification_spec, regression_spec
from assay.metrics.statistics import ClassificationStatistic
from assay.records import arrays, decode, encode, sha256_hex
from assay.tabular.label_notation import (
    MAYBE_MISSING,
    NOTATION_WAY_OUT,
    are_measured,
    shown,
    two_notations,
)
from assay.tabular.table import THRESHOLD

SHOWN_LABELS = 5  # of a refusal

LIVE_STEPS = 8  # as many chunks as are in flight
_RANKS = (RankHistogram, RankWeights)


def settle_spec(partial: PartialAggregate, spec: EvaluationSpec) -> MetricSpec:
    """Return the label set, task and positive label by the rules of the numeric contract.

    Raises BadPredictions when the rows do not say what to measure.
    """
    statistic = partial.statistic
    if not isinstance(statistic, ClassificationStatistic):
        return regression_spec()
    shape = partial.shape
    try:
        return classification_spec(
            declared=spec.labels,
            positive_label=spec.positive_label,
            score_labels=shape.score_labels if shape.score_kind == "classes" else None,
            lone_score=shape.score_kind == "positive",
            observed=statistic.confusion.labels,
        )
    except SpecError as error:
        raise BadPredictions(f"The labels do not say what to measure: {error}.") from error


@dataclass(frozen=True, kw_only=True)
class Measured:
    """All rows of an evaluation, and what was read off them."""

    partial: PartialAggregate
    spec: EvaluationSpec  # as asked for
    settled: MetricSpec  # as the rows decided what was not
    ranks: RankCounts
    measures: Measures

    @property
    def classes(self) -> ClassificationStatistic | None:
        """The statistic of a classification."""
        statistic = self.partial.statistic
        return statistic if isinstance(statistic, ClassificationStatistic) else None


def measure(
    partial: PartialAggregate, spec: EvaluationSpec, ranks: RankCounts, residuals: ResidualCounts
) -> Measured:
    """Compute every number; raises BadPredictions when the rows do not say what to measure."""
    settled = settle_spec(partial, spec)
    if settled.label_set_inferred and isinstance(partial.statistic, ClassificationStatistic):
        _refuse_doubtful(partial.statistic.confusion, partial)
    measures = evaluate(partial.statistic, ranks, settled, residual_counts=residuals)
    return Measured(partial=partial, spec=spec, settled=settled, ranks=ranks, measures=measures)


def _refuse_doubtful(confusion: ConfusionCounts, partial: PartialAggregate) -> None:
    """Refuse labels that were inferred, and that no evaluation means.

    Raises BadPredictions for one label in two notations, which stood in different blocks; for
    measured values instead of classes; where no label that was predicted is a true one; and for
    a true label such as NA that is never predicted.
    """
    two = two_notations(confusion.labels)
    if two is not None:
        raise BadPredictions(
            f"The label {shown(two[1])} is {shown(two[0])} in another notation; one label is "
            f"written in one way. {NOTATION_WAY_OUT}.",
            metadata={"labels": ", ".join(two)},
        )
    if are_measured(confusion.labels, partial.rows):
        some = ", ".join(confusion.labels[:SHOWN_LABELS])
        raise BadPredictions(
            f"The values of y_true and y_pred are numbers ({some}), {len(confusion.labels)} "
            f"different ones in {partial.rows} rows, which look measured and not like classes. "
            "Evaluate a model of the task type regression (--task regression), or declare the "
            "labels with the model if each number is a class.",
            metadata={"labels": some, "rows": partial.rows},
        )
    cells = np.divmod(confusion.sparse.cells, max(1, len(confusion.labels)))
    true, predicted = (set(codes.tolist()) for codes in cells)
    if len(true) > 1 and len(predicted) > 1 and not true & predicted:
        sides = [
            ", ".join(shown(confusion.labels[code]) for code in sorted(codes)[:SHOWN_LABELS])
            for codes in (true, predicted)
        ]
        raise BadPredictions(
            f"No predicted label occurs in the truth: y_true has {sides[0]}, y_pred has "
            f"{sides[1]}. Write both in one way, or declare all labels with the model.",
            metadata={"y_true": sides[0], "y_pred": sides[1]},
        )
    _refuse_unknown_truth(confusion, true - predicted)


def _refuse_unknown_truth(confusion: ConfusionCounts, codes: set[int]) -> None:
    """Refuse true labels, by their codes, that may say that the truth is not known."""
    word = next(
        (name for name in (confusion.labels[code] for code in codes) if name in MAYBE_MISSING), None
    )
    if word is not None:
        raise BadPredictions(
            f"y_true has {shown(word)}, which is never predicted and often stands for a missing "
            "value. Leave rows without a truth out, or declare all labels with the model if "
            f"{shown(word)} is one of them.",
            metadata={"labels": word},
        )


def evaluation_result(measured: Measured, details: str) -> EvaluationResult:
    """Return what the evaluation's row holds; `details` is the address of the rest."""
    partial, settled, measures = measured.partial, measured.settled, measured.measures
    echoed = _echo(settled, partial, measured.spec)
    classes = measured.classes
    report = None
    if classes is not None:
        report = class_report(classes.confusion, settled, classes.weighted)
    return EvaluationResult(
        rows=partial.rows,
        task=settled.task.value,
        labels=settled.labels,
        positive_label=settled.positive_label,
        label_set_inferred=settled.label_set_inferred,
        metrics=dict(measures.metrics),
        undefined={name: reason.value for name, reason in measures.undefined.items()},
        per_class=_per_class(report, measures) if report else (),
        averages={name: asdict(row) for name, row in report.averages.items()} if report else {},
        confusion=_matrix(classes, settled) if classes else None,
        clipped_rows=classes.clipped_rows if classes else 0,
        spec=echoed,
        spec_hash=sha256_hex(encode(echoed)),
        environment=environment(),
        content_hash=partial.content_hash,
        details=details,
        weight=measures.weight,
        zero_targets=measures.zero_targets,
        truth=partial.coverage,
    )


def live_numbers(partial: PartialAggregate, spec: EvaluationSpec) -> LiveMetrics:
    """Return what follows from the rows so far: exact metrics that need no sorting."""
    try:
        measures = live(partial.statistic, settle_spec(partial, spec))
    except BadPredictions as error:
        return LiveMetrics(rows=partial.rows, problem=error.message)
    return LiveMetrics(
        rows=partial.rows,
        metrics=dict(measures.metrics),
        undefined={name: reason.value for name, reason in measures.undefined.items()},
    )


@dataclass(frozen=True, kw_only=True)
class LiveState:
    """What follows from the partials so far."""

    merged: bytes  # one partial in place of many
    steps: tuple[LiveMetrics, ...]  # after each of the last ones


def live_state(job_spec: bytes, partials: Sequence[bytes]) -> LiveState:
    """Merge at least one partial and read the metrics that need no second pass over the rows.

    They are read after each of the last LIVE_STEPS, so that chunks which are merged together
    are acknowledged with numbers of their own.

    `job_spec` is an encoded EvaluationJob. Raises BadPredictions where partials do not fit.
    """
    spec = decode(EvaluationJob, job_spec).spec
    ours = [_light(arrays.decode(PartialAggregate, data)) for data in partials]
    first = max(1, len(ours) - LIVE_STEPS + 1)
    merged = merge(ours[:first])
    steps = [live_numbers(merged, spec)]
    for one in ours[first:]:
        merged = merge([merged, one])
        steps.append(live_numbers(merged, spec))
    return LiveState(merged=arrays.encode(merged), steps=tuple(steps))


def _light(partial: PartialAggregate) -> PartialAggregate:
    """Return a partial without its histograms of scores, which live numbers do not read."""
    return replace(partial, statistic=partial.statistic.without(_RANKS))


def _echo(settled: MetricSpec, partial: PartialAggregate, spec: EvaluationSpec) -> dict[str, Any]:
    """Return all that decided the numbers, given and derived."""
    shape = partial.shape
    return {
        **settled.rules(),
        "task_type": spec.task_type.value,
        "renormalize": spec.renormalize,
        "labels": list(settled.labels),
        "positive_label": settled.positive_label,
        "scores": shape.score_kind,
        "predictions": "derived" if shape.pred_derived else "given",
        "weights": "given" if shape.has_weights else None,
        "threshold": THRESHOLD if shape.pred_derived and shape.score_kind == "positive" else None,
    }


def _per_class(report: ClassReport, measures: Measures) -> tuple[ClassScores, ...]:
    areas = measures.ranking.per_class if measures.ranking is not None else {}
    precisions = measures.average_precision
    calibration = measures.calibration
    return tuple(
        ClassScores(
            label=row.label,
            precision=row.precision,
            recall=row.recall,
            f1_score=row.f1_score,
            support=row.support,
            predicted=row.predicted,
            roc_auc=areas.get(row.label),
            average_precision=precisions.per_class.get(row.label) if precisions else None,
            ece=calibration.per_class[row.label].ece if calibration else None,
            weight=row.weight,
        )
        for row in report.per_class
    )


def _matrix(statistic: ClassificationStatistic, settled: MetricSpec) -> tuple[tuple[int, ...], ...]:
    matrix = statistic.confusion.onto(settled.labels).matrix
    return tuple(tuple(row) for row in matrix.tolist())
