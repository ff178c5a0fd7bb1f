"""Searches: the same trials however they are run, resumed and ranked; and which are pruned."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from assay.learning.hyperparameters import resolve
from assay.learning.rows import TaskType
from assay.learning.search import Pruner, next_wave, plan_search, pruner, ranked, search_table
from assay.learning.trials import WAVE, SearchPlan, Trial, TrialResult
from assay.records import decode, encode
from assay.settings import COMPUTE_ENVIRONMENT

RATE = {"name": "learning_rate", "type": "float", "low": 0.001, "high": 1, "log": True}
EPOCHS = {"name": "num_train_epochs", "type": "int", "low": 2, "high": 40}
DECAY = {"name": "weight_decay", "type": "float", "low": 0.1, "high": 0.7, "step": 0.2}
COURSE = {"name": "lr_scheduler_type", "type": "categorical", "choices": ["linear", "cosine"]}
SPACE = [RATE, EPOCHS, DECAY, COURSE]


def plan_of(space: list[Any], trials: int = 20, **others: object) -> SearchPlan:
    """Return a plan of a text model's search."""
    return plan_search(
        resolve(
            TaskType.TEXT_CLASSIFICATION,
            {"hp_search_param_space": space, "hp_search_num_trials": trials, **others},
        )
    )


def outcome(trial: Trial) -> TrialResult:
    """Return the result of a trial: best at a learning rate of 0.1 and 20 epochs."""
    rate, epochs = trial.values["learning_rate"], trial.values["num_train_epochs"]
    assert isinstance(rate, float) and isinstance(epochs, int)
    objective = 1 - abs(math.log10(rate) + 1) / 3 - abs(epochs - 20) / 100
    return TrialResult(
        number=trial.number,
        values=trial.values,
        objective=None if trial.number % 7 == 3 else objective,
        steps=(objective / 2, objective),
        is_pruned=trial.number % 7 == 3,
    )


def waves(plan: SearchPlan) -> Iterator[tuple[Trial, ...]]:
    """Yield the waves of a whole search."""
    results: list[TrialResult] = []
    while wave := next_wave(plan, results):
        yield wave
        results += [outcome(trial) for trial in wave]


def test_trials_come_in_waves_that_their_number_alone_decides() -> None:
    """Waves are as large whatever runs them, and the last one has the rest."""
    sizes = [len(wave) for wave in waves(plan_of(SPACE, trials=20))]
    assert sizes == [WAVE, WAVE, 20 - 2 * WAVE]
    numbers = [trial.number for wave in waves(plan_of(SPACE)) for trial in wave]
    assert numbers == list(range(20))


def test_a_search_that_is_resumed_asks_the_same_trials() -> None:
    """A wave follows from the stored results alone, whatever their order, bit by bit."""
    plan = plan_of(SPACE, trials=32)
    results: list[TrialResult] = []
    for wave in waves(plan):
        stored = decode(tuple[TrialResult, ...], encode(tuple(reversed(results))))
        again = next_wave(decode(SearchPlan, encode(plan)), stored)
        assert encode(again) == encode(wave)
        results += [outcome(trial) for trial in wave]
    assert len(results) == 32


def asked_by_another_process(hash_seed: str, before: str = "pass") -> bytes:
    """Return the trials that a process of its own asks, after it did something else."""
    code = (
        f"import sys; from tests.learning.test_search import *; {before};"
        "sys.stdout.buffer.write(encode(tuple(waves(plan_of(SPACE)))))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        # One numeric environment, as all processes that compute have.
        env={
            **os.environ,
            **COMPUTE_ENVIRONMENT,
            "PYTHONHASHSEED": hash_seed,
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
    )
    return found.stdout


def test_another_process_asks_the_same_trials() -> None:
    """Neither the order of hashes nor what was sampled before changes a trial."""
    first = asked_by_another_process("1")
    assert len(decode(tuple[tuple[Trial, ...], ...], first)) > 1
    assert asked_by_another_process("2", "list(waves(plan_of(SPACE, seed=2)))") == first


def test_seeds_tell_searches_apart() -> None:
    """Another seed asks other trials, but for the first, which has the given values."""
    first, other = (
        [one.values for wave in waves(plan_of(SPACE, seed=seed)) for one in wave] for seed in (1, 2)
    )
    assert not any(values in other for values in first)
    spaced = [RATE | {"low": 1e-5}, EPOCHS]
    found = [next_wave(plan_of(spaced, seed=seed), ())[0].values for seed in (1, 2)]
    assert found[0] == found[1] == {"learning_rate": 5e-5, "num_train_epochs": 5}


def test_later_waves_learn_from_earlier_ones() -> None:
    """On an objective with one peak the later trials are nearer to it than random ones."""
    plan = plan_of([RATE, EPOCHS], trials=48)
    results = [outcome(trial) for wave in waves(plan) for trial in wave]
    steps = [one.steps[-1] for one in results]
    early, late = steps[1:WAVE], steps[-2 * WAVE :]
    assert sum(late) / len(late) > sum(early) / len(early) + 0.1
    assert max(steps) > 0.9


def test_values_keep_to_their_ranges_and_steps() -> None:
    """Sampled values are in the range, whole where they must be, and exactly on their steps."""
    for wave in waves(plan_of(SPACE, trials=40)):
        for trial in wave:
            assert list(trial.values) == [one.name for one in plan_of(SPACE).space.parameters]
            assert 0.001 <= float(str(trial.values["learning_rate"])) <= 1
            assert trial.values["num_train_epochs"] in range(2, 41)
            assert trial.values["weight_decay"] in {0.1, 0.3, 0.5, 0.7}
            assert trial.values["lr_scheduler_type"] in {"linear", "cosine"}


def test_a_small_space_is_tried_whole_and_in_order() -> None:
    """With no more combinations than trials there is one trial of each, in the grid's order."""
    space = [
        COURSE,
        {"name": "batch_size", "type": "categorical", "choices": [32, 8, 32.0, 16]},
        {"name": "num_train_epochs", "type": "int", "low": 4, "high": 5},
    ]
    plan = plan_of(space, trials=12)
    results: list[TrialResult] = []
    found = []
    while wave := next_wave(plan, results):
        found += [tuple(trial.values.values()) for trial in wave]
        results += [TrialResult(number=one.number, values=one.values) for one in wave]
    assert found == [
        (course, batch, epochs)
        for course in ("linear", "cosine") for batch in (32, 8, 16) for epochs in (4, 5)
    ]  # fmt: skip  # as nested loops
    assert plan_of(space, trials=20).trials == 12
    assert plan_of(space, trials=11).trials == 11


def test_no_combination_is_tried_twice_while_there_are_others() -> None:
    """A space of 40 whole numbers is sampled without repeats, nearly to its end, whatever their values."""
    plan = plan_of([EPOCHS], trials=36)
    results: list[TrialResult] = []
    while wave := next_wave(plan, results):
        results += [
            TrialResult(number=one.number, values=one.values, objective=0.5) for one in wave
        ]
    assert len({encode(one.values) for one in results}) == 36


def test_a_search_goes_on_without_a_single_objective() -> None:
    """Trials that all diverged are told as such, and the next wave is drawn at random."""
    plan = plan_of(SPACE)
    results = [TrialResult(number=one.number, values=one.values) for one in next_wave(plan, ())]
    assert len(next_wave(plan, results)) == WAVE
    assert ranked(results) == []
    assert search_table(plan.space, results).rows == ()


def result(number: int, *steps: float, pruned: bool = False) -> TrialResult:
    """Return a trial's result with objectives after epochs."""
    objective = None if pruned else max(steps)
    return TrialResult(number=number, values={}, objective=objective, steps=steps, is_pruned=pruned)


def test_the_median_of_finished_trials_prunes() -> None:
    """A trial stops when its best so far is below the median at its epoch, after the warm-up."""
    finished = [result(number, *(number / 10,) * (3 + number)) for number in range(5)]
    rule = pruner(finished[::-1])
    assert rule.medians == (0.2, 0.2, 0.2, 0.25)  # two trials are too few for the fifth epoch
    assert not rule.prunes([0.0])
    assert not rule.prunes([0.0, 0.0])  # warm-up
    assert rule.prunes([0.0, 0.0, 0.1])
    assert not rule.prunes([0.2, 0.0, 0.1])  # equal to the median
    assert rule.prunes([0.2, 0.0, 0.1, 0.2])
    assert not rule.prunes([0.0] * 5)  # no median: nothing to go by
    assert decode(Pruner, encode(rule)) == rule


def test_pruned_and_failed_trials_set_no_median() -> None:
    """Only trials that ran to their end say what is usual, and few of them say nothing."""
    finished = [result(number, 0.5, 0.5, 0.5) for number in range(3)]
    finished += [result(number, 0.1, 0.1, 0.1, pruned=True) for number in range(3, 9)]
    finished.append(TrialResult(number=9, values={}, steps=(0.1, 0.1, 0.1)))
    assert pruner(finished) == Pruner()
    assert not pruner(()).prunes([0.0] * 9)


def test_the_table_has_the_best_trials_as_texts() -> None:
    """Rows are the best trials that ran to their end, with numbers as they were tried."""
    plan = plan_of(SPACE)
    results = [outcome(trial) for wave in waves(plan) for trial in wave]
    table = search_table(plan.space, results)
    assert table.headers == (
        "Trial number", "learning_rate", "num_train_epochs", "weight_decay", "lr_scheduler_type",
        "Objective value",
    )  # fmt: skip  # as shown
    assert len(table.rows) == 5
    best = ranked(results)
    for row, one in zip(table.rows, best, strict=False):
        assert row == (
            str(one.number), *(str(value) for value in one.values.values()), f"{one.objective:.4f}"
        )  # fmt: skip  # one row
    assert [float(row[-1]) for row in table.rows] == sorted(
        (float(row[-1]) for row in table.rows), reverse=True
    )
    assert not any(one.is_pruned for one in best)
    assert search_table(plan.space, results[:2]).rows[0][0] in {"0", "1"}


def test_equal_objectives_rank_by_number() -> None:
    """Of trials that are as good the earlier is the better one."""
    finished = [result(3, 0.5), result(1, 0.5), result(2, 0.9)]
    assert [one.number for one in ranked(finished)] == [2, 1, 3]


@pytest.mark.parametrize("trials", [1, 1000])
def test_any_number_of_trials_that_is_allowed_can_be_planned(trials: int) -> None:
    """One trial is a search of the given values; a thousand are sampled in bounded time."""
    plan = plan_of([RATE | {"low": 0.01}, EPOCHS], trials=trials)
    done = max(0, trials - WAVE)
    results = [
        TrialResult(
            number=number,
            values={"learning_rate": 0.01 + number / 2000, "num_train_epochs": 2 + number % 39},
            objective=number / 1000,
        )
        for number in range(done)
    ]
    assert len(next_wave(plan, results)) == min(trials, WAVE)
