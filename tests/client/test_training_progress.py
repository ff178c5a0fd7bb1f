"""The progress of jobs of models: what events add up to, and how it is told."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from math import isnan

import pytest
from rich.console import Console

from assay.cli.live_training import live_training
from assay.cli.train import parsed
from assay.client import BadInput, TrainingProgress, types

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EPOCHS = [
    types.EpochFinished(epoch=1, epochs=5, train_loss=2.0, validation_loss=2.5),
    types.EpochFinished(epoch=2, epochs=5, train_loss=1.0, validation_loss=None),
]
TRIALS = [
    types.TrialFinished(trial=at, trials=3, outcome=outcome, hyperparams={}, objective=objective)
    for at, (outcome, objective) in enumerate(
        [("complete", 0.5), ("pruned", None), ("complete", 0.5)]
    )
]
MEASURED = types.SplitMeasured(dataset_split="test", rows=7, metrics={"accuracy": 0.9})


def after(*payloads: object) -> TrainingProgress:
    standing = TrainingProgress(job_id="job-1")
    for at, payload in enumerate(payloads, 1):
        event = types.JobEvent(sequence=at, at=NOW, kind="", payload=payload)
        standing = standing.after(event)
    return standing


def test_epochs_and_trials_add_up():
    """Losses stand in the order of the epochs, and the first of the best trials is the best."""
    standing = after(*TRIALS, *EPOCHS, MEASURED)
    assert standing.train_losses == (2.0, 1.0)
    assert standing.validation_losses[0] == 2.5
    assert isnan(standing.validation_losses[1])
    assert (standing.epochs_total, standing.trials_total, len(standing.trials)) == (5, 3, 3)
    assert standing.best == TRIALS[0]
    assert after(TRIALS[1]).best is None
    assert standing.splits["test"].metrics["accuracy"] == 0.9


def test_states_calibration_and_tasks_are_told():
    """The newest state, the calibration and the counts of tasks are part of the progress."""
    tuned = types.CalibrationFinished(ece_before=0.2, ece_after=0.1)
    claimed = types.StateChanged(cause="claimed", failure=None, status="running")
    standing = after(claimed, tuned)
    assert (standing.status, standing.calibration) == ("running", tuned)
    count = types.JobStatus(
        as_of_sequence=2,
        kind="progress",
        payload=types.JobProgress(done=3, total=8, rows=100),
    )
    assert (standing.after(count).done, standing.after(count).total) == (3, 8)


def test_a_log_gets_a_line_and_a_terminal_bars():
    """Without a terminal there is a line of what happened last; on one a bar each for both."""
    log, screen = io.StringIO(), io.StringIO()
    standing = after(TRIALS[0], EPOCHS[0])
    with live_training(Console(file=log), hidden=False) as told:
        told(standing)
        told(standing)  # the same, and at once: nothing more
    assert log.getvalue() == ("trial 1/3 best 0.5000, epoch 1/5 train 2.0000 validation 2.5000\n")
    terminal = Console(file=screen, force_terminal=True, width=120)
    with live_training(terminal, hidden=False) as told:
        told(standing)
    for word in ("trials", "epochs", "1/5", "best 0.5000", "validation 2.5000"):
        assert word in screen.getvalue()
    with live_training(Console(file=log), hidden=True) as told:
        told(after(MEASURED))
    assert "measured" not in log.getvalue()


def test_hyperparameters_are_json_or_text():
    """Values are numbers, booleans, lists and objects where they are JSON, and else texts."""
    given = ["a=1", "b=0.5", "c=true", 'd=[{"x": "y=z"}]', "e=linear", 'f="7"', "g = x=y "]
    assert parsed(given) == {
        "a": 1, "b": 0.5, "c": True, "d": [{"x": "y=z"}], "e": "linear", "f": "7", "g": "x=y",
    }  # fmt: skip  # one mapping


@pytest.mark.parametrize("texts", [["a"], ["=1"], ["a="], ["a=1", "a=2"]], ids=str)
def test_what_is_no_hyperparameter_is_refused(texts: list[str]):
    """A name without a value, a value without a name, and a name twice are refused in words."""
    with pytest.raises(BadInput, match="hyperparameter"):
        parsed(texts)
