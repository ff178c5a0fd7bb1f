"""Requirements of an evaluation's numbers, such as `accuracy>=0.93`, judged where it ends."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping

from assay.features.models.model import TaskType
from assay.kernel.errors import InvalidArgument, clip
from assay.kernel.suggestion import advice
from assay.metrics.metric import CLASSIFICATION, REGRESSION
from assay.metrics.registry import METRICS
from assay.records import Record

MAX_REQUIREMENTS = 50
MAX_CHARS = 100  # of one
FIELD = "require"

_FORM = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*(>=|<=|==|>|<)\s*(\S+)\s*")
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
}
_TASKS = {TaskType.CLASSIFICATION: CLASSIFICATION, TaskType.REGRESSION: REGRESSION}


class RequirementOutcome(Record):
    """Whether an evaluation meets a requirement."""

    requirement: str  # as it was sent
    met: bool  # False also where the metric has no value
    value: float | None  # of the metric; None: it has none


def check_requirements(sent: Iterable[str], task_type: TaskType) -> None:
    """Raise InvalidArgument unless each is a metric of the task, a comparison and a number."""
    texts = tuple(sent)
    if len(texts) > MAX_REQUIREMENTS:
        raise InvalidArgument.of(
            FIELD, f"{len(texts)} were sent; at most {MAX_REQUIREMENTS} are allowed"
        )
    for index, text in enumerate(texts):
        metric, _, _ = _parsed(f"{FIELD}[{index}]", text)
        tasks = _TASKS.get(task_type, frozenset())
        known = [one.name for one in METRICS if one.tasks & tasks]
        if metric not in known:
            raise InvalidArgument.of(
                f"{FIELD}[{index}]",
                f"'{clip(metric)}' is no metric of a {task_type} model{advice(metric, known)}",
            )


def outcomes(texts: Iterable[str], metrics: Mapping[str, float]) -> tuple[RequirementOutcome, ...]:
    """Return whether numbers meet requirements, which were checked before."""
    found = []
    for text in texts:
        metric, comparison, threshold = _parsed(FIELD, text)
        value = metrics.get(metric)
        met = value is not None and _COMPARE[comparison](value, threshold)
        found.append(RequirementOutcome(requirement=text, met=met, value=value))
    return tuple(found)


def _parsed(field: str, text: str) -> tuple[str, str, float]:
    match = _FORM.fullmatch(text) if len(text) <= MAX_CHARS else None
    try:
        threshold = float(match[3]) if match else math.nan
    except ValueError:
        threshold = math.nan
    if match is None or not math.isfinite(threshold):
        raise InvalidArgument.of(
            field,
            f"'{clip(text)}' was sent; a metric, one of >= <= > < == and a number are needed, such "
            "as accuracy>=0.93",
        )
    return match[1], match[2], threshold
