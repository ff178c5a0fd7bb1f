"""The sampler of a search's trials: Optuna's, told all results anew for each wave."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState

from assay.learning.hyperparameter import Value
from assay.learning.randomness import generator
from assay.learning.search_space import Parameter, ParameterType
from assay.learning.trials import WAVE, SearchPlan, TrialResult

MOST_COUNTED: Final = 100_000  # combinations
MOST_DRAWS: Final = 20  # of one trial, until it is one that was not tried
SEED_PATH: Final = 0x5EA2C4  # sets these seeds apart from others made of the same seed

optuna.logging.set_verbosity(optuna.logging.ERROR)


def sample(plan: SearchPlan, results: Sequence[TrialResult], count: int) -> list[dict[str, Value]]:
    """Return the values of the `count` trials that follow `results`, all there are, in order."""
    parameters = plan.space.parameters
    distributions = {one.name: _distribution(one) for one in parameters}
    study = _study(plan, results, distributions)
    if not results and all(one.holds(plan.given[one.name]) for one in parameters):
        study.enqueue_trial(plan.given)
    tried = [one.values for one in results]
    asked: list[dict[str, Value]] = []
    while len(asked) < count:
        values: dict[str, Value] = {}
        for _ in range(MOST_DRAWS):
            trial = study.ask(distributions)
            values = {one.name: _value(one, trial.params[one.name]) for one in parameters}
            if values not in tried:
                break
            study.tell(trial, state=TrialState.FAIL)  # the sampler passes over it
        else:
            values = _untried(plan, tried) or values
        tried.append(values)
        asked.append(values)
    return asked


def _untried(plan: SearchPlan, tried: Sequence[dict[str, Value]]) -> dict[str, Value] | None:
    """Return the first combination that was not tried, where they can be counted."""
    if (plan.space.size or math.inf) > MOST_COUNTED:
        return None
    return next((values for values in plan.space.grid() if values not in tried), None)


def _study(
    plan: SearchPlan,
    results: Sequence[TrialResult],
    distributions: Mapping[str, BaseDistribution],
) -> optuna.Study:
    """Return a study of the finished trials, with a seed of the wave's own."""
    seed = int(generator(plan.seed, SEED_PATH, len(results)).integers(2**32))
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=WAVE, multivariate=True)
    study = optuna.create_study(sampler=sampler, direction="maximize")
    for result in results:
        study.add_trial(_told(result, distributions))
    return study


def _told(
    result: TrialResult, distributions: Mapping[str, BaseDistribution]
) -> optuna.trial.FrozenTrial:
    """Return a finished trial as Optuna has it; one without any number counts for nothing."""
    if result.is_pruned and result.steps:
        state = TrialState.PRUNED
    else:
        state = TrialState.FAIL if result.objective is None else TrialState.COMPLETE
    return optuna.trial.create_trial(
        state=state,
        value=result.objective if state is TrialState.COMPLETE else None,
        params=dict(result.values),
        distributions=dict(distributions),
        intermediate_values=dict(enumerate(result.steps, start=1)),
    )


def _distribution(parameter: Parameter) -> BaseDistribution:
    low, high, step = parameter.low, parameter.high, parameter.step
    if parameter.type is ParameterType.CATEGORICAL:
        return CategoricalDistribution(parameter.choices)
    if parameter.type is ParameterType.INT:
        return IntDistribution(int(low), int(high), log=parameter.log, step=int(step or 1))
    return FloatDistribution(low, high, log=parameter.log, step=step)


def _value(parameter: Parameter, sampled: Any) -> Value:
    """Return a sampled value as JSON and tables show it: on its step, and in the range."""
    if parameter.type is ParameterType.CATEGORICAL:
        return next(one for one in parameter.choices if one == sampled)
    if parameter.type is ParameterType.INT:
        return int(sampled)
    return float(parameter.on_step(min(max(float(sampled), parameter.low), parameter.high)))
