"""The REST view of a job's metrics."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from assay.features.training import convert
from assay.features.training.metric_tables import MetricTable
from assay.features.training.metrics_service import JobMetrics, MetricsReader
from assay.features.training.model import DONE, ERROR, OK, PENDING
from assay.kernel.rpc import polls, rest
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.rest import Body, Count
from assay.records import Record
from assay.v1 import training_service_pb2 as pb

Answer = Annotated[str, Meta(extra_json_schema={"enum": [OK, ERROR]})]
Standing = Annotated[str, Meta(extra_json_schema={"enum": [PENDING, DONE]})]


class ModelMetricsView(Record):
    """The metrics of a job, as far as it is."""

    status: Answer  # ERROR of a job that ended without a result, else OK.
    state: Standing  # DONE of a job that has ended, however it did; else PENDING.
    # Why the job ended without a result; absent of every other one.
    msg: str | UnsetType = UNSET
    metrics: tuple[MetricTable, ...]  # The tables; at least one.
    platform_version: str  # Assay's release.
    ibformers_version: str  # The version of the learning component.
    # Annotated training records by class; one entry for a model without classes.
    train_count: dict[str, Count]
    train_total: Count  # Training records.
    train_datasets: tuple[str, ...]  # Datasets with annotated training records.
    # Annotated test records by class; one entry for a model without classes.
    test_count: dict[str, Count]
    test_total: Count  # Test records.
    test_datasets: tuple[str, ...]  # Datasets with annotated test records.
    hyperparams: dict[str, Any]  # Every hyperparameter, resolved.
    # What may spoil the numbers, such as records that two splits share; absent where nothing does.
    warnings: tuple[str, ...] | UnsetType = UNSET


class TrainingRestService:
    """Metrics of the caller's models."""

    def __init__(self, metrics: MetricsReader) -> None:
        self._metrics = metrics

    async def GetModelMetrics(
        self, request: pb.GetModelMetricsRequest, call: Call
    ) -> Body[ModelMetricsView]:
        """Return the metrics of a job."""
        return rest.body(view(await asked(self._metrics, request, call)))


async def asked(
    reader: MetricsReader, request: pb.GetModelMetricsRequest, call: Call
) -> JobMetrics:
    """Return the metrics that a request asks for, at the pace of polls."""
    key = (request.model_project_path, request.job_id, request.job_type)
    return await polls.answer(
        call,
        lambda: reader.of(call.organization_id, *key),
        lambda found: found.job.ended_at is not None,
    )


def view(found: JobMetrics) -> ModelMetricsView:
    """Return the view of a job's metrics."""
    job, facts = found.job, found.job.facts
    return ModelMetricsView(
        status=job.status,
        state=job.phase,
        msg=rest.present(convert.message(job)),
        metrics=found.tables,
        platform_version=facts.platform_version,
        ibformers_version=facts.learning_version,
        train_count=convert.counts(facts.train.counts),
        train_total=facts.train.total,
        train_datasets=facts.train.datasets,
        test_count=convert.counts(facts.test.counts),
        test_total=facts.test.total,
        test_datasets=facts.test.datasets,
        hyperparams=convert.plain(facts.settings),
        warnings=facts.warnings or UNSET,
    )
