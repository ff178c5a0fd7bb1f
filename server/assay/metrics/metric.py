"""What a metric is: a name, where its values lie, what it reads, and the function that reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from assay.metrics.accumulator import Part
from assay.metrics.metric_inputs import Reading
from assay.metrics.reasons import Reason
from assay.metrics.spec import Task

CLASSIFICATION = frozenset({Task.BINARY, Task.MULTICLASS})
MULTICLASS = frozenset({Task.MULTICLASS})
REGRESSION = frozenset({Task.REGRESSION})


@dataclass(frozen=True, kw_only=True)
class SetToZero:
    """A division by zero that the spec's policy sets to 0."""

    reason: Reason


Outcome = float | Reason | SetToZero | None  # None: its second phase was not counted


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One number that an evaluation may carry."""

    name: str
    tasks: frozenset[Task]
    needs: type[Part[Any]]  # the part without which the metric is NO_SCORES
    needs_ranks: bool = False  # True: exists only after the stored rows were sorted
    low: float
    high: float
    ideal: float | None = None  # the best value where it is not the upper or the lower end
    greater_is_better: bool
    compute: Callable[[Reading], Outcome]  # rows > 0; may raise OverflowError

    @property
    def best(self) -> float:
        """The best value that there can be."""
        end = self.high if self.greater_is_better else self.low
        return end if self.ideal is None else self.ideal
