"""Directions of metrics, and which of two versions is better by one."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from assay.cli.console import number
from assay.cli.requirement import Outcome
from assay.client.types import Comparison


class Direction(Enum):
    """Which values of a metric are better."""

    HIGHER = 1
    LOWER = -1
    NEITHER = 0


_HIGHER = (
    "accuracy", "precision", "recall", "f1_score", "roc_auc", "balanced_accuracy", "mcc", "kappa",
    "average_precision", "top_1_accuracy", "top_3_accuracy", "top_5_accuracy", "r2",
    "explained_variance",
)  # fmt: skip
_LOWER = (
    "log_loss", "brier", "ece", "mce", "mae", "mse", "rmse", "max_error", "mape",
    "median_absolute_error",
)  # fmt: skip
DIRECTIONS: Mapping[str, Direction] = {
    **dict.fromkeys(_HIGHER, Direction.HIGHER),
    **dict.fromkeys(_LOWER, Direction.LOWER),
    "ece_signed": Direction.NEITHER,  # over- and under-confidence are both errors
}


def span_of(found: Comparison, metric: str) -> tuple[float, float] | None:
    """Return the 95 % interval of b - a on the same rows; None where there is none."""
    tests = found.paired_tests
    if metric == "roc_auc" and tests.roc_auc is not None:
        low, high = tests.roc_auc.low, tests.roc_auc.high
        return None if low is None or high is None else (low, high)
    one = tests.differences.get(metric)
    return None if one is None else (one.low, one.high)


def sign_of(found: Comparison, metric: str) -> int:
    """Return 1 where b is better by a metric, -1 where it is worse, 0 where nobody can say.

    Where both were measured on the same rows, a difference counts only if its interval does not
    hold 0.
    """
    way = DIRECTIONS.get(metric, Direction.NEITHER).value
    delta = found.metric_deltas.get(metric, 0.0)
    low, high = span_of(found, metric) or (delta, delta)
    if not found.comparable or not way or low <= 0 <= high:
        return 0
    return way if delta > 0 else -way


def better(found: Comparison, metric: str) -> Outcome:
    """Say whether b is better than a by a metric, as a requirement's outcome."""
    delta = found.metric_deltas.get(metric)
    span = span_of(found, metric)
    why = ""
    if delta is None:
        why = "one of the two has no value"
    elif not found.comparable:
        why = "the two were measured by different metric definitions"
    elif sign_of(found, metric) != 1:
        why = f"b - a is {delta:+.4g}"
        if span is not None and span[0] <= 0 <= span[1]:
            why += f", which chance explains: {number(span[0])} to {number(span[1])}"
    return Outcome(
        requirement=f"better {metric}", metric=metric, value=delta, passed=not why, why=why
    )
