"""Directions of metrics, and which of two versions is better by one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from assay.cli.console import number
from assay.cli.nearest import nearest
from assay.cli.requirement import Outcome
from assay.client import BadInput, Client
from assay.client.types import Comparison, MetricDefinition

Catalogue = Mapping[str, MetricDefinition]

_SIGNS = {"higher": 1, "lower": -1}  # of the difference by which the second of two is better


def catalogue_of(client: Client) -> Catalogue:
    """Return the server's metrics by name, in the order in which they are shown."""
    return {one.name: one for one in client.server.info().metrics}


def has_direction(catalogue: Catalogue, metric: str) -> bool:
    """Return True when one of two values of a metric is better by being higher, or lower."""
    return metric in catalogue and catalogue[metric].direction in _SIGNS


def worse_by(metric: str, before: float, after: float, catalogue: Catalogue) -> float:
    """Return by how much `after` is worse than `before`; below 0 where it is better."""
    return (before - after) * _SIGNS[catalogue[metric].direction]


def require_direction(metrics: Iterable[str], catalogue: Catalogue) -> None:
    """Raise BadInput at a metric by which nothing is better or worse."""
    for metric in metrics:
        if not has_direction(catalogue, metric):
            judged = [name for name in catalogue if has_direction(catalogue, name)]
            raise BadInput(f"Nothing is better by '{metric}'; {nearest(metric, judged)}")


def require_known(metrics: Iterable[str], catalogue: Catalogue, task: str) -> None:
    """Raise BadInput at a metric that there is none of, or none for this type of task.

    Args:
        metrics: what is required, as it was written.
        catalogue: the server's metrics.
        task: classification or regression.
    """
    of_task = [name for name, one in catalogue.items() if _is_of(one, task)]
    for metric in metrics:
        if metric not in catalogue:
            raise BadInput(f"There is no metric '{metric}'; {nearest(metric, of_task)}")
        if metric not in of_task:
            raise BadInput(f"A {task} has no metric '{metric}'; {nearest(metric, of_task)}")


def _is_of(metric: MetricDefinition, task: str) -> bool:
    return (task == "regression") == ("regression" in metric.tasks)


def in_order(names: Iterable[str], catalogue: Catalogue) -> list[str]:
    """Return metrics in the order of the catalogue, then those that it does not have."""
    places = {name: place for place, name in enumerate(catalogue)}
    return sorted(names, key=lambda name: (places.get(name, len(places)), name))


def span_of(found: Comparison, metric: str) -> tuple[float, float] | None:
    """Return the 95 % interval of b - a on the same rows; None where there is none."""
    tests = found.paired_tests
    if metric == "roc_auc" and tests.roc_auc is not None:
        low, high = tests.roc_auc.low, tests.roc_auc.high
        return None if low is None or high is None else (low, high)
    one = tests.differences.get(metric)
    return None if one is None else (one.low, one.high)


def sign_of(found: Comparison, metric: str, catalogue: Catalogue) -> int:
    """Return 1 where b is better by a metric, -1 where it is worse, 0 where nobody can say.

    Where both were measured on the same rows, a difference counts only if its interval does not
    hold 0.
    """
    way = _SIGNS[catalogue[metric].direction] if has_direction(catalogue, metric) else 0
    delta = found.metric_deltas.get(metric, 0.0)
    low, high = span_of(found, metric) or (delta, delta)
    if not found.comparable or not way or low <= 0 <= high:
        return 0
    return way if delta > 0 else -way


def better(found: Comparison, metric: str, catalogue: Catalogue) -> Outcome:
    """Say whether b is better than a by a metric, as a requirement's outcome."""
    delta = found.metric_deltas.get(metric)
    span = span_of(found, metric)
    why = ""
    if delta is None:
        why = "one of the two has no value"
    elif not found.comparable:
        why = "the two were measured by different metric definitions"
    elif sign_of(found, metric, catalogue) != 1:
        why = f"b - a is {delta:+.4g}"
        if span is not None and span[0] <= 0 <= span[1]:
            why += f", which chance explains: {number(span[0])} to {number(span[1])}"
    return Outcome(
        requirement=f"better {metric}", metric=metric, value=delta, passed=not why, why=why
    )
