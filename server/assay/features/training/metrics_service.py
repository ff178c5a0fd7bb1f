"""The metrics of a job: read off its result, or while it runs off what its log tells so far."""

from __future__ import annotations

from dataclasses import dataclass

from assay.features.models.store import Models
from assay.features.training.job_events import epochs_of, trials_of
from assay.features.training.metric_tables import MetricTable, metric_tables
from assay.features.training.model import JobType, ModelJob, ModelJobResult, Tables, job_type
from assay.features.training.store import ModelJobs
from assay.kernel.errors import NotFound, clip
from assay.kernel.jobs.events import Events
from assay.kernel.jobs.job import Event
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.storage.store import Store
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.records import decode


@dataclass(frozen=True, kw_only=True)
class JobMetrics:
    """A job and the tables of its metrics."""

    job: ModelJob
    tables: tuple[MetricTable, ...]  # at least one


class MetricsReader:
    """Reads the metrics of an organization's jobs."""

    def __init__(self, store: Store) -> None:
        self._store = store

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
            return JobMetrics(job=job, tables=metric_tables(_tables(uow, job)))


def _tables(uow: UnitOfWork, job: ModelJob) -> Tables:
    stored = uow[Jobs].get(job.organization_id, job.job_id).result
    if stored is not None:
        return decode(ModelJobResult, stored).tables
    events = list(_events(uow, job))
    return Tables(epochs=epochs_of(events), trials=trials_of(events))


def _events(uow: UnitOfWork, job: ModelJob) -> list[Event]:
    """Return the log of a job, as far as it is still held."""
    found: list[Event] = []
    at = uow[Events].oldest(job.organization_id, job.job_id) - 1
    while events := uow[Events].after(job.organization_id, job.job_id, at):
        found.extend(events)
        at = events[-1].sequence
    return found


def _other_job(path: str, job_id: str, wanted: JobType) -> NotFound:
    return NotFound(
        f"The model at '{clip(path)}' has no {wanted} job '{clip(job_id)}'.",
        metadata={"resource_type": "job", "resource_id": job_id, "job_type": wanted},
    )
