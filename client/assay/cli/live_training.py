"""Live progress of training, pruning and evaluation jobs: a bar for trials and one for epochs."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from assay.cli.console import number
from assay.cli.live import REFRESHES_PER_SECOND, SECONDS_BETWEEN_LINES
from assay.client import TrainingProgress
from assay.client.training_progress import OnTraining, ignore_training


@contextmanager
def live_training(console: Console, *, hidden: bool) -> Iterator[OnTraining]:
    """Give a callback that draws where a job of a model stands.

    On a terminal that is a bar each for tasks, trials and epochs; elsewhere, as in the log of a
    pipeline, a line every few seconds.

    Args:
        console: where to draw.
        hidden: True draws nothing.
    """
    if hidden:
        yield ignore_training
    elif console.is_terminal:
        with _Bars(console) as bars:
            yield bars.draw
    else:
        yield _Lines(console).print


class _Bars:
    """The bars on a terminal; those of trials and epochs appear with the first of them."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<10}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[told]}", style="cyan"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            refresh_per_second=REFRESHES_PER_SECOND,
        )
        self._tasks = self._progress.add_task("queued", total=None, told="")
        self._trials = self._bar("trials")
        self._epochs = self._bar("epochs")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def draw(self, standing: TrainingProgress) -> None:
        """Draw where the job stands."""
        self._progress.update(
            self._tasks,
            description=standing.status,
            total=standing.total or None,
            completed=standing.done,
            told=_measured(standing),
        )
        self._show(self._trials, len(standing.trials), standing.trials_total, _best(standing))
        self._show(self._epochs, len(standing.train_losses), standing.epochs_total, _loss(standing))

    def _bar(self, name: str) -> TaskID:
        return self._progress.add_task(name, total=None, told="", visible=False)

    def _show(self, bar: TaskID, done: int, total: int, told: str) -> None:
        if total:
            self._progress.update(bar, completed=done, total=total, told=told, visible=True)


class _Lines:
    """The lines in a log: the newest epoch and trial, now and then."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told, self._at = "", -math.inf

    def print(self, standing: TrainingProgress) -> None:
        """Print where the job stands, unless that was said or a line came just now."""
        told = _measured(standing) or _line(standing)
        now = time.monotonic()
        if told == self._told or now - self._at < SECONDS_BETWEEN_LINES:
            return
        self._told, self._at = told, now
        self._console.print(told, style="dim", markup=False)


def _line(standing: TrainingProgress) -> str:
    parts = []
    if standing.trials_total:
        parts.append(f"trial {len(standing.trials)}/{standing.trials_total} {_best(standing)}")
    if standing.epochs_total:
        epochs = f"epoch {len(standing.train_losses)}/{standing.epochs_total}"
        parts.append(f"{epochs} {_loss(standing)}")
    return ", ".join(parts) or f"job {standing.job_id} is {standing.status}"


def _best(standing: TrainingProgress) -> str:
    best = standing.best
    return "" if best is None or best.objective is None else f"best {best.objective:.4f}"


def _loss(standing: TrainingProgress) -> str:
    if not standing.train_losses:
        return ""
    validation = standing.validation_losses[-1]
    told = "" if math.isnan(validation) else f" validation {number(validation)}"
    return f"train {number(standing.train_losses[-1])}{told}"


def _measured(standing: TrainingProgress) -> str:
    return f"measured on {', '.join(standing.splits)}" if standing.splits else ""
