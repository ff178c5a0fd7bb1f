"""Curves of stored evaluations: ROC, precision against recall, and what each threshold gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assay.features.evaluations.details_artifact import AreaDetails
from assay.features.evaluations.details_service import Detailed, DetailsReader, StoredDetails
from assay.features.evaluations.performance_service import EvaluationKey
from assay.features.models.model import TaskType
from assay.kernel.errors import InvalidArgument, NoScores, clip
from assay.kernel.rpc.paging import most_items
from assay.metrics.curves import Curve, ThresholdRow

DEFAULT_RESOLUTION = 100
MAX_POINTS = 1000
MAX_PR_POINTS = 500
POINT_BYTES = 50  # of a point, as JSON has it
MAX_COST = 1e9  # so that the cost of all rows stays a number
MAX_NAMED = 10  # labels that a refusal names

Point = tuple[float, float, float | None]  # x, y, threshold


@dataclass(frozen=True, kw_only=True)
class CurveFound:
    """One curve of an evaluation, or why it is undefined."""

    found: Detailed
    class_label: str | None  # None: an average over the classes
    area: float | None  # exact, whatever the resolution
    points: tuple[Point, ...]  # none where the curve is undefined
    reason: str | None  # why it is undefined


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What mistakes cost."""

    false_positive: float
    false_negative: float


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """What each threshold gives for one class, or why there is no table."""

    found: Detailed
    class_label: str
    rows: tuple[ThresholdRow, ...]
    best_f1: ThresholdRow | None
    best_cost: ThresholdRow | None  # None: no costs were sent
    cost: float | None  # of best_cost
    reason: str | None  # why there is no table


def check_resolution(sent: int | None, most: int) -> int:
    """Return how many points are wanted, at most `most`; raises InvalidArgument below 2."""
    return most_items("resolution", sent, default=DEFAULT_RESOLUTION, most=most, least=2)


def check_costs(false_positive: float | None, false_negative: float | None) -> Costs | None:
    """Return the costs, None when neither was sent; raises InvalidArgument."""
    sent = {"false_positive_cost": false_positive, "false_negative_cost": false_negative}
    if false_positive is None and false_negative is None:
        return None
    for name, cost in sent.items():
        if cost is None:
            raise InvalidArgument.of(name, "nothing was sent; both costs are needed, or neither")
        if not 0 <= cost <= MAX_COST:
            raise InvalidArgument.of(name, f"{cost} was sent; 0 to {MAX_COST:.0e} are allowed")
    assert false_positive is not None
    assert false_negative is not None
    if not false_positive + false_negative > 0:
        raise InvalidArgument.of("false_positive_cost", "0 was sent for both; one has to be more")
    return Costs(false_positive=false_positive, false_negative=false_negative)


class Curves:
    """Reads curves; blocking."""

    def __init__(self, details: DetailsReader) -> None:
        self._details = details

    def roc(self, key: EvaluationKey, class_label: str, resolution: int | None) -> CurveFound:
        """Return the ROC curve of a label, else of the positive one, else the macro average.

        Raises:
            InvalidArgument: a bad resolution or label.
            NoScores: the evaluation has no scores for the label.
            And what DetailsReader.of raises.
        """
        points = check_resolution(resolution, MAX_POINTS)
        found = self._details.of(key, TaskType.CLASSIFICATION)
        label = check_label(found, "class_label", class_label) or found.result.positive_label
        areas = _areas(found, found.details.roc_auc)
        if label is None:
            return _macro(found, areas, points)
        curve, reason = _curve(found, areas, label)
        return CurveFound(
            found=found,
            class_label=label,
            area=areas.per_class.get(label),
            points=() if curve is None else tuple(curve.at_resolution(points).roc()),
            reason=reason,
        )

    def precision_recall(
        self, key: EvaluationKey, class_label: str, resolution: int | None
    ) -> CurveFound:
        """Return the precision-recall curve of a label, else of the positive one.

        Raises:
            InvalidArgument: a bad resolution or label, or none where it is mandatory.
            NoScores: the evaluation has no scores for the label.
            And what DetailsReader.of raises.
        """
        points = check_resolution(resolution, MAX_PR_POINTS)
        found = self._details.of(key, TaskType.CLASSIFICATION)
        label = _one_label(found, class_label)
        areas = _areas(found, found.details.average_precision)
        curve, reason = _curve(found, areas, label)
        return CurveFound(
            found=found,
            class_label=label,
            area=areas.per_class.get(label),
            points=() if curve is None else tuple(curve.at_resolution(points).precision_recall()),
            reason=reason,
        )

    def thresholds(
        self, key: EvaluationKey, class_label: str, resolution: int | None, costs: Costs | None
    ) -> Thresholds:
        """Return what each threshold gives for a label, else for the positive one.

        Raises:
            InvalidArgument: a bad resolution or label, or none where it is mandatory.
            NoScores: the evaluation has no scores for the label.
            And what DetailsReader.of raises.
        """
        points = check_resolution(resolution, MAX_POINTS)
        found = self._details.of(key, TaskType.CLASSIFICATION)
        label = _one_label(found, class_label)
        curve, reason = _curve(found, _areas(found, found.details.roc_auc), label)
        best_cost = None if curve is None or costs is None else _cheapest(curve, costs)
        return Thresholds(
            found=found,
            class_label=label,
            rows=() if curve is None else tuple(curve.at_resolution(points).table()),
            best_f1=None if curve is None else curve.row(curve.best_f1),
            best_cost=best_cost,
            cost=None if best_cost is None or costs is None else _cost(best_cost, costs),
            reason=reason,
        )


def check_label(found: Detailed, field: str, sent: str) -> str | None:
    """Return the label sent, None for none; raises InvalidArgument for an unknown one."""
    labels = found.result.labels
    if sent and sent not in labels:
        raise InvalidArgument.of(
            field, f"'{clip(sent)}' was sent; the evaluation's labels are {_names(labels)}"
        )
    return sent or None


def _one_label(found: Detailed, sent: str) -> str:
    label = check_label(found, "class_label", sent) or found.result.positive_label
    if label is None:
        names = _names(found.result.labels)
        raise InvalidArgument.of(
            "class_label", f"nothing was sent; one of the labels is needed: {names}"
        )
    return label


def _names(labels: tuple[str, ...]) -> str:
    named = ", ".join(clip(label) for label in labels[:MAX_NAMED])
    more = len(labels) - MAX_NAMED
    return f"{named} and {more} more" if more > 0 else named


def _areas(found: Detailed, areas: AreaDetails | None) -> AreaDetails:
    if areas is None:
        raise NoScores(
            "The evaluation was made of labels alone; curves need scores. "
            "Evaluate the split again with score columns.",
            metadata={"evaluation_id": found.performance.evaluation.evaluation_id},
        )
    return areas


def _curve(found: Detailed, areas: AreaDetails, label: str) -> tuple[Curve | None, str | None]:
    """Return the curve of a label, or the reason why it is undefined."""
    curve = found.details.curve(label)
    if curve is not None:
        return curve, None
    reason = areas.undefined.get(label)
    if reason is None:
        scored = _names(found.details.curve_labels)
        raise NoScores(
            f"The evaluation has no scores of '{clip(label)}'; it has those of: {scored}. Ask for "
            "one of these, or evaluate the split again with a score column for each label.",
            metadata={"class_label": label, "scored_labels": scored},
        )
    return None, reason


def _macro(found: Detailed, areas: AreaDetails, points: int) -> CurveFound:
    """Average the classes' true positive rates at false positive rates that are evenly spaced."""
    details = found.details
    averaged: tuple[Point, ...] = ()
    is_defined = bool(details.curve_labels)
    if is_defined:
        averaged = details.derived(
            f"macro:{points}", lambda: _averaged(details, points), size=points * POINT_BYTES
        )
    return CurveFound(
        found=found,
        class_label=None,
        area=areas.macro,
        points=averaged,
        reason=None if is_defined else next(iter(areas.undefined.values()), "SINGLE_CLASS"),
    )


def _averaged(details: StoredDetails, points: int) -> tuple[Point, ...]:
    grid = np.linspace(0.0, 1.0, points - 1) if points > 2 else np.ones(1)
    total, classes = np.zeros(len(grid)), 0
    for false, true in details.rates():
        total += np.interp(grid, false, true)
        classes += 1
    averages = zip(grid.tolist(), (total / classes).tolist(), strict=True)
    return ((0.0, 0.0, None), *((x, y, None) for x, y in averages))


def _cheapest(curve: Curve, costs: Costs) -> ThresholdRow:
    return curve.best_by_cost(
        false_positive=costs.false_positive, false_negative=costs.false_negative
    )


def _cost(row: ThresholdRow, costs: Costs) -> float:
    return costs.false_positive * row.false_positive + costs.false_negative * row.false_negative
