"""Requirements of a pipeline: `accuracy>=0.93`."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_FORM = re.compile(r"\s*([a-z][a-z0-9_]*)\s*(>=|<=|==|>|<)\s*(\S+)\s*")
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
    def parse(cls, text: str) -> Requirement:
        """Return the requirement that `text` writes.

        Raises:
            ValueError: not of the form metric, comparison, number.
        """
        match = _FORM.fullmatch(text)
        try:
            threshold = float(match[3]) if match else math.nan
        except ValueError:
            threshold = math.nan
        if match is None or not math.isfinite(threshold):
            raise ValueError(
                f"'{text}' is no requirement; write a metric, one of >= <= > < == and a number,"
                " such as 'accuracy>=0.93'."
            )
        return cls(metric=match[1], comparison=match[2], threshold=threshold)

    def judge(self, metrics: Mapping[str, float], undefined: Mapping[str, str]) -> Outcome:
        """Say whether the metrics meet this; a metric without a value never does."""
        value = metrics.get(self.metric)
        if value is None:
            if self.metric in undefined:
                why = f"undefined: {undefined[self.metric]}"
            else:
                why = f"no such metric; there are {', '.join(metrics)}"
        else:
            met = _COMPARE[self.comparison](value, self.threshold)
            why = "" if met else f"is {value!r}"
        return Outcome(
            requirement=str(self), metric=self.metric, value=value, passed=not why, why=why
        )
