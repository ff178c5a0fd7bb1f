"""Two completed benchmarks of the same documents by the same rules, field by field."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from assay.records import Record

MAX_LISTED = 100  # documents of each list of a comparison


class Verdict(StrEnum):
    """What a comparison comes to; the interval of the overall difference decides."""

    BETTER = "a_better"  # the whole interval is above zero
    WORSE = "b_better"  # the whole interval is below zero
    UNDECIDED = "undecided"  # zero lies inside, or there is no interval


class Difference(Record):
    """How run a differs from run b, over all fields or in one of them."""

    accuracy_a: float | None  # None: nothing was compared
    accuracy_b: float | None
    low: float | None  # bootstrap interval of a - b over documents; None: too few of them
    high: float | None
    level: float  # of the interval
    fixed: int  # documents that are all right in a, and not in b
    broken: int  # the other way round
    p_value: float  # exact McNemar test of these two numbers, two-sided

    @property
    def delta(self) -> float | None:
        """A - b; None where one of them is."""
        if self.accuracy_a is None or self.accuracy_b is None:
            return None
        return self.accuracy_a - self.accuracy_b

    @property
    def verdict(self) -> Verdict:
        """Which of the two is better, where that is sure."""
        if self.low is not None and self.low > 0:
            return Verdict.BETTER
        if self.high is not None and self.high < 0:
            return Verdict.WORSE
        return Verdict.UNDECIDED


class SideBySide(Record):
    """What two benchmarks say of each other."""

    documents: int
    overall: Difference
    by_field: Mapping[str, Difference]
    fixed: tuple[str, ...]  # the first MAX_LISTED documents, by id
    broken: tuple[str, ...]
