"""Trials of a hyperparameter search: the plan of all, the values of one, and its outcome."""

from __future__ import annotations

from typing import Final

from assay.learning.hyperparameter import Value
from assay.learning.search_space import SearchSpace
from assay.records import Record

WAVE: Final = 8  # trials that run side by side before any of them is learned from


class SearchPlan(Record):
    """A whole search: the space, the values without it, and how many trials there are."""

    space: SearchSpace
    given: dict[str, Value]
    trials: int
    seed: int


class Trial(Record):
    """Values to train with."""

    number: int
    values: dict[str, Value]  # by name, in the order of the space


class TrialResult(Record):
    """The outcome of a trial; of higher numbers the model is better."""

    number: int
    values: dict[str, Value]
    objective: float | None = None  # None: pruned, or there is none, as of a model of no numbers
    steps: tuple[float, ...] = ()  # the objective after each epoch
    is_pruned: bool = False
