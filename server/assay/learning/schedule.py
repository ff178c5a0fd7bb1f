"""The course of the learning rate over the steps of a training."""

from __future__ import annotations

import math
from dataclasses import dataclass

from assay.learning.hyperparameters import Hyperparameters


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Factors of the learning rate, step by step."""

    kind: str  # lr_scheduler_type
    steps: int  # of the whole training
    warmup: int  # steps over which the factor rises from 0 to 1

    @classmethod
    def of(cls, hyperparameters: Hyperparameters, steps_an_epoch: int) -> Schedule:
        """Return the schedule of all epochs."""
        steps = steps_an_epoch * hyperparameters.integer("num_train_epochs")
        kind = hyperparameters.text("lr_scheduler_type")
        ratio = 0.0 if kind == "constant" else hyperparameters.number("warmup_ratio")
        return cls(kind=kind, steps=steps, warmup=math.ceil(steps * ratio))

    def factor(self, step: int) -> float:
        """Return the factor of a step, counted from 0; 0 after the last."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        if self.kind.startswith("constant"):
            return 1.0
        done = min(1.0, (step - self.warmup) / max(1, self.steps - self.warmup))
        return 1.0 - done if self.kind == "linear" else 0.5 + 0.5 * math.cos(math.pi * done)
