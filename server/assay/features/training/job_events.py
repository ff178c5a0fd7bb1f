"""Typed events of jobs of models: epochs, trials, the calibration, and splits that were measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from assay.features.training.model import Epoch, Setting, Trial
from assay.kernel.jobs.job import Event
from assay.kernel.jobs.payloads import EventPayload

COMPLETE, PRUNED, DIVERGED = "complete", "pruned", "diverged"


class EpochFinished(EventPayload):
    """An epoch was trained."""

    name: ClassVar[str] = "epoch"
    message: ClassVar[str | None] = "assay.v1.EpochFinished"
    json_field: ClassVar[str | None] = "epoch_finished"

    epoch: int  # from 1
    epochs: int  # planned
    train_loss: float
    validation_loss: float | None  # None: there are no validation rows


class TrialFinished(EventPayload):
    """A trial of a search was run, or given up early."""

    name: ClassVar[str] = "trial"
    message: ClassVar[str | None] = "assay.v1.TrialFinished"
    json_field: ClassVar[str | None] = "trial_finished"

    trial: int  # from 0
    trials: int  # planned
    outcome: str  # COMPLETE, PRUNED or DIVERGED
    settings: tuple[Setting, ...]
    objective: float | None = None  # of a complete one

    def wire(self) -> dict[str, Any]:
        """Return the fields of the message."""
        return {
            "trial": self.trial,
            "trials": self.trials,
            "outcome": self.outcome,
            "hyperparams": {one.name: one.value for one in self.settings},
            "objective": self.objective,
        }


class CalibrationFinished(EventPayload):
    """Probabilities were calibrated on held-out rows."""

    name: ClassVar[str] = "calibration"
    message: ClassVar[str | None] = "assay.v1.CalibrationFinished"
    json_field: ClassVar[str | None] = "calibration_finished"

    ece_before: float
    ece_after: float


class SplitMeasured(EventPayload):
    """The version was measured on a split."""

    name: ClassVar[str] = "split"
    message: ClassVar[str | None] = "assay.v1.SplitMeasured"
    json_field: ClassVar[str | None] = "split_measured"

    dataset_split: str
    rows: int
    metrics: Mapping[str, float]


def epochs_of(events: Iterable[Event]) -> tuple[Epoch, ...]:
    """Return the epochs that a job's log tells of."""
    told = (one.payload(EpochFinished) for one in events if one.kind == EpochFinished.name)
    return tuple(
        Epoch(train_loss=one.train_loss, validation_loss=one.validation_loss) for one in told
    )


def trials_of(events: Iterable[Event]) -> tuple[Trial, ...]:
    """Return the trials that a job's log tells of, by their numbers."""
    told = [one.payload(TrialFinished) for one in events if one.kind == TrialFinished.name]
    return tuple(
        Trial(number=one.trial, settings=one.settings, objective=one.objective)
        for one in sorted(told, key=lambda one: one.trial)
    )
