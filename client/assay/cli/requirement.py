"""Requirements of a pipeline: `accuracy>=0.93`."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

_REST = r"\s*(>=|<=|==|>|<)\s*(\S+)\s*"
METRIC = re.compile(r"\s*([a-z][a-z0-9_]*)" + _REST)
# Of a benchmark: the paths of fields are the metrics too, as in 'line_items[].amount:recall>=0.9'.
FIELD_METRIC = re.compile(r"\s*([^\s<>=](?:[^<>=]*[^\s<>=])?)" + _REST)
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Whether a requirement holds, and why not."""

    requirement: str
    metric: str
    value: float | None  # None when the metric has no value
    passed: bool
    why: str  # "" when it holds


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """A metric, a comparison and a threshold."""

    metric: str
    comparison: str
    threshold: float

    def __str__(self) -> str:
        return f"{self.metric}{self.comparison}{self.threshold:g}"

    @classmethod
    def parse(
        cls, text: str, form: re.Pattern[str] = METRIC, example: str = "accuracy>=0.93"
    ) -> Requirement:
        """Return the requirement that `text` writes.

        Args:
            text: what was written.
            form: METRIC or FIELD_METRIC.
            example: one that is right, for the refusal.

        Raises:
            ValueError: not of the form metric, comparison, number.
        """
        match = form.fullmatch(text)
        try:
            threshold = float(match[3]) if match else math.nan
        except ValueError:
            threshold = math.nan
        if match is None or not math.isfinite(threshold):
            raise ValueError(
                f"'{text}' is no requirement; write a metric, one of >= <= > < == and a number,"
                f" such as '{example}'."
            )
        return cls(metric=match[1], comparison=match[2], threshold=threshold)

    def judge(
        self,
        metrics: Mapping[str, float],
        undefined: Mapping[str, str],
        known: Sequence[str] | None = None,
    ) -> Outcome:
        """Say whether the metrics meet this; a metric without a value never does.

        `known` are the metrics to name to who asks for another one; None names all.
        """
        value = metrics.get(self.metric)
        if value is None:
            if self.metric in undefined:
                why = f"undefined: {undefined[self.metric]}"
            else:
                why = f"no such metric; there are {', '.join(known or metrics)}"
        else:
            met = _COMPARE[self.comparison](value, self.threshold)
            why = "" if met else f"is {value!r}"
        return Outcome(
            requirement=str(self), metric=self.metric, value=value, passed=not why, why=why
        )
