"""Hyperparameter search: trials asked of Optuna in waves, told, pruned, and ranked.

A search is a pure function of its plan and of the results of the trials that have finished: the
sampler is made anew for each wave from them and a seed of the wave's own. So any number of
processes, and any restart, gives the same trials. A space that has no more combinations than
there are trials is tried whole, in its order. Else the first trial has the values that were
given, where they are in the space; the others of the first wave are drawn at random, and those of
later waves by a tree-structured Parzen estimator. No combination is tried twice while others are
found.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from typing import Final

from assay.learning.hyperparameters import Hyperparameters
from assay.learning.search_space import SearchSpace, read_space
from assay.learning.trials import WAVE, SearchPlan, Trial, TrialResult
from assay.records import Record

PRUNED_AFTER: Final = 4  # finished trials that there must be before any is pruned
WARM_UP: Final = 2  # first epochs in which no trial is pruned


class Pruner(Record):
    """The median rule: a trial stops whose best so far is worse than most others' at its epoch."""

    medians: tuple[float, ...] = ()  # of finished trials, after each epoch

    def prunes(self, steps: Sequence[float]) -> bool:
        """Say whether a trial stops after these epochs."""
        epoch = len(steps)
        if not WARM_UP < epoch <= len(self.medians):
            return False
        return max(steps) < self.medians[epoch - 1]


class SearchTable(Record):
    """The best trials of a search, as texts."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]  # the best first


def plan_search(hyperparameters: Hyperparameters) -> SearchPlan:
    """Return the search that hyperparameters ask for; raises HyperparameterError."""
    space = read_space(hyperparameters)
    trials = hyperparameters.integer("hp_search_num_trials")
    size = space.size
    return SearchPlan(
        space=space,
        given={one.name: hyperparameters.values[one.name] for one in space.parameters},
        trials=trials if size is None else min(trials, size),
        seed=hyperparameters.integer("seed"),
    )


def next_wave(plan: SearchPlan, finished: Sequence[TrialResult]) -> tuple[Trial, ...]:
    """Return the trials that follow those that have finished, in order; none at the end.

    `finished` are all trials of the waves before, in any order.
    """
    results = sorted(finished, key=lambda one: one.number)
    first = len(results)
    count = min(WAVE, plan.trials - first)
    if count <= 0:
        return ()
    size = plan.space.size
    if size is not None and size <= plan.trials:
        asked = list(itertools.islice(plan.space.grid(), first, first + count))
    else:
        # Optuna takes half a second to import, and is needed here alone.
        from assay.learning.trial_sampler import sample  # noqa: PLC0415  # as said above

        asked = sample(plan, results, count)
    return tuple(Trial(number=first + at, values=values) for at, values in enumerate(asked))


def pruner(finished: Sequence[TrialResult]) -> Pruner:
    """Return the rule for the next wave: medians of the trials that ran to their end."""
    whole = [one.steps for one in finished if not one.is_pruned and one.objective is not None]
    longest = max(map(len, whole), default=0)
    medians = []
    for epoch in range(longest):
        reached = [steps[epoch] for steps in whole if len(steps) > epoch]
        if len(reached) < PRUNED_AFTER:
            break
        medians.append(float(statistics.median(reached)))
    return Pruner(medians=tuple(medians))


def ranked(finished: Sequence[TrialResult]) -> list[TrialResult]:
    """Return the trials that have an objective, the best first; of equal ones the earlier."""
    whole = [one for one in finished if one.objective is not None and not one.is_pruned]
    return sorted(whole, key=lambda one: (-(one.objective or 0.0), one.number))


def search_table(space: SearchSpace, finished: Sequence[TrialResult], most: int = 5) -> SearchTable:
    """Return the best trials with their values and objectives, as texts."""
    names = [one.name for one in space.parameters]
    return SearchTable(
        headers=("Trial number", *names, "Objective value"),
        rows=tuple(
            (
                str(one.number),
                *(str(one.values[name]) for name in names),
                f"{one.objective:.4f}",
            )
            for one in ranked(finished)[:most]
        ),
    )
