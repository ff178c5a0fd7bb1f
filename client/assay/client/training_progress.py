"""Progress of training, pruning and evaluation jobs, as both clients tell of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import nan

from assay.client import types
from assay.client.errors import JobFailed
from assay.client.evaluating import ended


@dataclass(frozen=True, kw_only=True)
class TrainingProgress:
    """How far a job of a model is, as `on_progress` is told."""

    job_id: str  # which goes on whether or not anybody waits for it
    status: str = "queued"  # of the job, as in Job
    done: int = 0  # tasks that are finished
    total: int = 0  # tasks known so far
    trials: tuple[types.TrialFinished, ...] = ()  # of a search, as they ended
    trials_total: int = 0
    epochs_total: int = 0
    train_losses: tuple[float, ...] = ()  # by epoch, from the first
    validation_losses: tuple[float, ...] = ()  # likewise; NaN where there are no validation rows
    calibration: types.CalibrationFinished | None = None
    splits: Mapping[str, types.SplitMeasured] = field(default_factory=dict)  # by name

    @property
    def best(self) -> types.TrialFinished | None:
        """The first trial with the highest objective; None while none is complete."""
        complete = [one for one in self.trials if one.objective is not None]
        return max(complete, key=lambda one: one.objective or 0.0, default=None)

    def after(self, item: types.JobEvent | types.JobStatus) -> TrainingProgress:
        """Return the progress with an event or a status of the job counted in."""
        if isinstance(item, types.JobStatus):
            found = item.progress
            return self if found is None else replace(self, done=found.done, total=found.total)
        if (change := item.state_changed) is not None:
            return replace(self, status=change.status)
        if (epoch := item.epoch_finished) is not None:
            validation = nan if epoch.validation_loss is None else epoch.validation_loss
            return replace(
                self,
                epochs_total=epoch.epochs,
                train_losses=(*self.train_losses, epoch.train_loss),
                validation_losses=(*self.validation_losses, validation),
            )
        if (trial := item.trial_finished) is not None:
            return replace(self, trials=(*self.trials, trial), trials_total=trial.trials)
        if (split := item.split_measured) is not None:
            return replace(self, splits={**self.splits, split.dataset_split: split})
        return replace(self, calibration=item.calibration_finished or self.calibration)


OnTraining = Callable[[TrainingProgress], None]


def ignore_training(_: TrainingProgress) -> None:
    """Do nothing; the default of `on_progress`."""


def done(job: types.ModelJob) -> types.ModelJob:
    """Return a job that has ended; raises JobFailed if without a result."""
    if job.status == "OK":
        return job
    raise JobFailed(
        ended(
            job.failure,
            otherwise=job.msg or f"The {job.job_type} ended {job.job_status}.",
            status=job.job_status,
            job_id=job.job_id,
        )
    )
