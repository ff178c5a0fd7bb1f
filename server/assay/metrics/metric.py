"""The definition of a metric: name, range, direction, unit, and the function that computes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from assay.metrics.metric_inputs import MetricInputs
from assay.metrics.reasons import Reason
from assay.metrics.spec import Task
from assay.metrics.statistics import Accumulator

CLASSIFICATION = frozenset({Task.BINARY, Task.MULTICLASS})
MULTICLASS = frozenset({Task.MULTICLASS})
REGRESSION = frozenset({Task.REGRESSION})


class Direction(StrEnum):
    """Which of two values of a metric is the better one."""

    HIGHER = "higher"
    LOWER = "lower"
    NONE = "none"  # the better one is nearer to `best`, on either side of it


class Unit(StrEnum):
    """What a value of a metric is measured in."""

    RATIO = "ratio"  # a pure number
    NATS = "nats"
    TARGET = "target"  # the unit of the target
    TARGET_SQUARED = "target_squared"


@dataclass(frozen=True, kw_only=True)
class SetToZero:
    """A division by zero that the spec's policy sets to 0."""

    reason: Reason


Outcome = float | Reason | SetToZero | None  # None: its second phase was not counted


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One number that an evaluation may carry."""

    name: str
    description: str  # one sentence without a full stop
    tasks: frozenset[Task]
    needs: type[Accumulator[Any]]  # the one without which the metric is NO_SCORES
    needs_ranks: bool = False  # True: exists only after the stored rows were sorted
    low: float = 0.0  # -inf: no lower bound
    high: float = 1.0  # inf: no upper bound
    direction: Direction = Direction.HIGHER
    unit: Unit = Unit.RATIO
    compute: Callable[[MetricInputs], Outcome]  # rows > 0; may raise OverflowError

    @property
    def best(self) -> float:
        """The best value that there can be."""
        ends = {Direction.HIGHER: self.high, Direction.LOWER: self.low, Direction.NONE: 0.0}
        return ends[self.direction]
