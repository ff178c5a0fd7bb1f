"""Trials of a search, as events and tables tell of them."""

from __future__ import annotations

import pytest

from assay.features.training.job_events import TrialFinished, trials_of
from assay.features.training.job_trials import outcome_of
from assay.features.training.model import Setting, Trial
from assay.kernel.clock import Clock
from assay.kernel.jobs.job import Event
from assay.learning.trials import TrialResult
from assay.records import plain

RESULT = TrialResult(number=3, values={"seed": 1}, objective=0.5, steps=(0.25, 0.5))
SETTINGS = (Setting(name="seed", value=1),)


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (RESULT, "complete"),
        (TrialResult(number=3, values={}, steps=(0.1,), is_pruned=True), "pruned"),
        (TrialResult(number=3, values={}, steps=(0.1,)), "diverged"),
    ],
    ids=["complete", "pruned", "diverged"],
)
def test_a_trial_tells_how_it_ended(result: TrialResult, outcome: str) -> None:
    """A trial that was given up is told apart from one whose numbers did not stay finite."""
    assert outcome_of(result) == outcome


def test_the_log_tells_of_trials_in_order() -> None:
    """Trials of a wave end in any order, and are shown by their numbers."""
    told = [
        TrialFinished(trial=at, trials=2, outcome="complete", settings=SETTINGS, objective=0.5)
        for at in (1, 0)
    ]
    at = Clock().now()
    events = [
        Event(sequence=n, commit=n, kind="trial", at=at, data=plain(one))
        for n, one in enumerate(told, start=1)
    ]
    assert trials_of(events) == tuple(
        Trial(number=number, settings=SETTINGS, objective=0.5) for number in (0, 1)
    )
    assert told[0].wire()["hyperparams"] == {"seed": 1}
