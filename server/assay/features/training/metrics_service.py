"""The metrics of a job: read off its result, or while it runs off what its log tells so far."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cachetools import LRUCache

from assay.features.models.store import Models
from assay.features.training.job_events import epochs_of, trials_of
from assay.features.training.metric_tables import MetricTable, metric_tables
from assay.features.training.model import (
    Epoch,
    JobType,
    ModelJob,
    ModelJobResult,
    Tables,
    Trial,
    job_type,
)
from assay.features.training.store import ModelJobs
from assay.kernel.errors import NotFound, clip
from assay.kernel.jobs.events import Events
from assay.kernel.jobs.job import Event
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.storage.store import Store
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.records import decode

KEPT_JOBS = 64  # of which the log so far is held


@dataclass(frozen=True, kw_only=True)
class JobMetrics:
    """A job and the tables of its metrics."""

    job: ModelJob
    tables: tuple[MetricTable, ...]  # at least one


@dataclass(frozen=True, kw_only=True)
class _Told:
    """What the log of a job tells up to an event."""

    sequence: int = 0
    epochs: tuple[Epoch, ...] = ()
    trials: tuple[Trial, ...] = ()

    def after(self, events: Sequence[Event]) -> _Told:
        """Return what it tells with the events that follow."""
        if not events:
            return self
        return _Told(
            sequence=events[-1].sequence,
            epochs=self.epochs + epochs_of(events),
            trials=self.trials + trials_of(events),
        )


class MetricsReader:
    """Reads the metrics of an organization's jobs; safe to share between threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        # Of jobs that run, so that a caller who polls has only the newest events read.
        self._told: LRUCache[tuple[str, str], _Told] = LRUCache(KEPT_JOBS)

    def of(self, organization_id: str, path: str, job_id: str, type_word: str) -> JobMetrics:
        """Return the metrics of a job of the model at `path`.

        Raises:
            InvalidArgument: there is no such type of job.
            NotFound: no model has the path, or it has no such job of this type.
        """
        wanted = job_type(type_word)
        with self._store.read() as uow:
            model = uow[Models].by_path(organization_id, path)
            job = uow[ModelJobs].get(organization_id, job_id)
            if job.model_id != model.model_id or job.job_type is not wanted:
                raise _other_job(path, job_id, wanted)
            return JobMetrics(job=job, tables=metric_tables(self._tables(uow, job)))

    def _tables(self, uow: UnitOfWork, job: ModelJob) -> Tables:
        if job.ended_at is not None:
            stored = uow[Jobs].get(job.organization_id, job.job_id).result
            if stored is not None:
                return decode(ModelJobResult, stored).tables
        told = self._log(uow, job)
        trials = sorted(told.trials, key=lambda one: one.number)
        return Tables(epochs=told.epochs, trials=tuple(trials))

    def _log(self, uow: UnitOfWork, job: ModelJob) -> _Told:
        """Return what the log tells, as far as it is still held."""
        key = (job.organization_id, job.job_id)
        with self._lock:
            told = self._told.get(key, _Told())
        told = replace(told, sequence=max(told.sequence, uow[Events].oldest(*key) - 1))
        while events := uow[Events].after(*key, told.sequence):
            told = told.after(events)
        with self._lock:
            if job.ended_at is None:
                self._told[key] = told
            else:
                self._told.pop(key, None)
        return told


def _other_job(path: str, job_id: str, wanted: JobType) -> NotFound:
    return NotFound(
        f"The model at '{clip(path)}' has no {wanted} job '{clip(job_id)}'.",
        metadata={"resource_type": "job", "resource_id": job_id, "job_type": wanted},
    )
