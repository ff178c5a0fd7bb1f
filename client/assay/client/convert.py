"""From the messages of `assay.v1` to the client's values; the only place that knows both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from google.protobuf import json_format
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from assay.client import types
from assay.v1 import (
    benchmark_pb2,
    evaluation_pb2,
    job_pb2,
    key_pb2,
    metric_pb2,
    model_pb2,
    performance_pb2,
    server_service_pb2,
    version_pb2,
    version_service_pb2,
)


def model(message: model_pb2.Model) -> types.Model:
    """Return a model."""
    return types.Model(
        model_id=message.model_id,
        name=message.name,
        task_type=message.task_type,
        description=message.description,
        project_path=optional_text(message, "project_path"),
        labels=tuple(message.labels),
        positive_label=optional_text(message, "positive_label"),
        status=message.status,
        promoted_version_id=optional_text(message, "promoted_version_id"),
        created_at=time(message.created_at),
        updated_at=time(message.updated_at),
    )


def version(message: version_pb2.Version) -> types.Version:
    """Return a version."""
    return types.Version(
        version_id=message.version_id,
        model_id=message.model_id,
        version_number=message.version_number,
        status=message.status,
        is_promoted=message.is_promoted,
        algorithm=message.algorithm,
        hyperparameters=json_format.MessageToDict(message.hyperparameters),
        metrics=metrics(message.metrics),
        label=optional_text(message, "label"),
        created_at=time(message.created_at),
        trained_at=time_or_none(message, "trained_at"),
        promoted_at=time_or_none(message, "promoted_at"),
        promoted_by=optional_text(message, "promoted_by"),
    )


def promotion(message: version_service_pb2.PromoteVersionResponse) -> types.Promotion:
    """Return a promotion."""
    return types.Promotion(
        model_id=message.model_id,
        version_id=message.version_id,
        version_number=message.version_number,
        promoted_at=time(message.promoted_at),
        promoted_by=message.promoted_by,
    )


def evaluation(message: evaluation_pb2.Evaluation) -> types.Evaluation:
    """Return an evaluation."""
    return types.Evaluation(
        evaluation_id=message.evaluation_id,
        model_id=message.model_id,
        version_id=message.version_id,
        dataset_split=message.dataset_split,
        revision=message.revision,
        job_id=message.job_id,
        status=message.status,
        next_row=int(message.next_row),
        rows=int(message.rows),
        metrics=metrics(message.metrics),
        undefined=undefined(message.undefined),
        labels=tuple(message.labels),
        label_set_inferred=message.label_set_inferred,
        positive_label=optional_text(message, "positive_label"),
        clipped_rows=int(message.clipped_rows),
        failure=failure(message),
        metric_spec_hash=message.metric_spec_hash,
        metric_spec=message.metric_spec,
        result_hash=message.result_hash,
        created_at=time(message.created_at),
        evaluated_at=time_or_none(message, "evaluated_at"),
    )


def summary(message: performance_pb2.PerformanceSummary) -> types.PerformanceSummary:
    """Return a performance summary."""
    return types.PerformanceSummary(
        model_id=message.model_id,
        version_id=message.version_id,
        task_type=message.task_type,
        dataset_split=message.dataset_split,
        metrics=metrics(message.metrics),
        undefined=undefined(message.undefined),
        rows=int(message.rows),
        averaging=optional_text(message, "averaging"),
        positive_label=optional_text(message, "positive_label"),
        label_set_inferred=message.label_set_inferred,
        evaluation_id=message.evaluation_id,
        metric_spec_hash=message.metric_spec_hash,
        weight=number(message, "weight"),
        zero_targets=int(message.zero_targets) if message.HasField("zero_targets") else None,
        evaluated_at=time(message.evaluated_at),
    )


def report(message: performance_pb2.ClassificationReport) -> types.ClassificationReport:
    """Return a classification report, its classes in the order of the labels."""
    labels = tuple(message.labels) or tuple(sorted(message.per_class))
    return types.ClassificationReport(
        model_id=message.model_id,
        version_id=message.version_id,
        dataset_split=message.dataset_split,
        per_class={label: _class_scores(message.per_class[label]) for label in labels},
        overall=types.OverallScores(
            accuracy=message.overall.accuracy,
            precision=message.overall.precision,
            recall=message.overall.recall,
            f1_score=message.overall.f1_score,
            average=message.overall.average,
        ),
        undefined=undefined(message.undefined),
    )


def confusion(message: performance_pb2.ConfusionMatrix) -> types.ConfusionMatrix:
    """Return a confusion matrix as rows."""
    side = len(message.labels)
    cells = tuple(message.counts)
    return types.ConfusionMatrix(
        model_id=message.model_id,
        version_id=message.version_id,
        dataset_split=message.dataset_split,
        labels=tuple(message.labels),
        counts=tuple(cells[row * side : (row + 1) * side] for row in range(side)),
        positive_label=optional_text(message, "positive_label"),
        shares=tuple(tuple(row.shares) for row in message.shares) or None,
    )


def job(message: job_pb2.Job) -> types.Job:
    """Return a job."""
    return types.Job(
        job_id=message.job_id,
        kind=message.kind,
        status=message.status,
        resource_id=message.resource_id,
        progress=_progress(message.progress),
        attempts=message.attempts,
        failure=failure(message),
        last_sequence=message.last_sequence,
        created_at=time(message.created_at),
        started_at=time_or_none(message, "started_at"),
        ended_at=time_or_none(message, "ended_at"),
        deadline=time_or_none(message, "deadline"),
        next_attempt_at=time_or_none(message, "next_attempt_at"),
        max_attempts=message.max_attempts,
    )


def event(message: job_pb2.JobEvent) -> types.JobEvent | types.DocumentsCompared:
    """Return an event of a job."""
    if message.WhichOneof("event") == "documents_compared":
        return types.DocumentsCompared(
            sequence=message.sequence,
            at=time(message.at),
            documents=tuple(
                types.ComparedDocument(
                    document_id=one.document_id, right=one.right, comparisons=one.comparisons
                )
                for one in message.documents_compared.documents
            ),
            fields=_standings(message.documents_compared.fields),
        )
    change = message.state_changed
    return types.JobEvent(
        sequence=message.sequence,
        at=time(message.at),
        from_state=_state(getattr(change, "from")) or None,  # `from` is a word of Python
        to_state=_state(change.to),
        cause=change.cause,
        failure=failure(change),
    )


def level(message: job_pb2.JobLevel) -> types.JobLevel:
    """Return a level of a job."""
    kind, sequence = message.WhichOneof("level"), message.as_of_sequence
    if kind == "progress":
        return types.JobLevel(as_of_sequence=sequence, progress=_progress(message.progress))
    if kind == "field_accuracy":
        found = message.field_accuracy
        return types.JobLevel(
            as_of_sequence=sequence, documents=found.documents, fields=_standings(found.fields)
        )
    return types.JobLevel(
        as_of_sequence=sequence,
        rows=int(message.metrics.rows),
        metrics=metrics(message.metrics.metrics),
    )


def _standings(rows: Iterable[job_pb2.FieldAccuracy]) -> tuple[types.FieldStanding, ...]:
    return tuple(
        types.FieldStanding(
            field=one.field,
            right=one.right,
            comparisons=one.comparisons,
            exact_right=one.exact_right,
            correct=one.correct,
            wrong_value=one.wrong_value,
            invented=one.invented,
            missed=one.missed,
        )
        for one in rows
    )


def api_key(message: key_pb2.ApiKey) -> types.ApiKey:
    """Return an API key."""
    return types.ApiKey(
        prefix=message.prefix,
        name=message.name,
        permissions=tuple(message.permissions),
        created_at=time(message.created_at),
        expires_at=time_or_none(message, "expires_at"),
        revoked_at=time_or_none(message, "revoked_at"),
    )


def server_info(message: server_service_pb2.ServerInfo) -> types.ServerInfo:
    """Return the server's description."""
    limits = {field.name: int(value) for field, value in message.limits.ListFields()}
    return types.ServerInfo(
        version=message.version, metrics_version=message.metrics_version, limits=limits
    )


def metrics(message: metric_pb2.Metrics) -> dict[str, float]:
    """Return the metrics that have a value, in the order of the contract.

    Read off the message's own description, so that a new metric needs no line here.
    """
    return {field.name: float(value) for field, value in message.ListFields()}


def number(message: Message, name: str) -> float | None:
    """Return an optional number, None where it is absent."""
    return float(getattr(message, name)) if message.HasField(name) else None


def _class_scores(message: metric_pb2.ClassScores) -> types.ClassScores:
    return types.ClassScores(
        precision=message.precision,
        recall=message.recall,
        f1_score=message.f1_score,
        support=message.support,
        roc_auc=number(message, "roc_auc"),
        average_precision=number(message, "average_precision"),
        ece=number(message, "ece"),
        weight=number(message, "weight"),
    )


def undefined(rows: Iterable[metric_pb2.UndefinedMetric]) -> Mapping[str, str]:
    """Return the reasons of metrics without a value, by metric."""
    return {row.metric: row.reason for row in rows}


def _progress(message: job_pb2.JobProgress) -> types.JobProgress:
    return types.JobProgress(done=message.done, total=message.total, rows=int(message.rows))


def failure(
    message: evaluation_pb2.Evaluation
    | job_pb2.Job
    | job_pb2.StateChanged
    | benchmark_pb2.Benchmark,
) -> types.Failure | None:
    """Return why a job ended without a result; None where it did not."""
    if not message.HasField("error"):
        return None
    error = message.error
    return types.Failure(reason=error.reason, message=error.message, metadata=dict(error.metadata))


def _state(number: job_pb2.JobState.ValueType) -> str:
    if number == job_pb2.JOB_STATE_UNSPECIFIED:
        return ""
    return job_pb2.JobState.Name(number).removeprefix("JOB_STATE_").lower()


def optional_text(message: Message, name: str) -> str | None:
    """Return an optional text, None where it is absent."""
    return str(getattr(message, name)) if message.HasField(name) else None


def time(message: Timestamp) -> datetime:
    """Return a time in UTC."""
    return message.ToDatetime(UTC)


def time_or_none(message: Message, name: str) -> datetime | None:
    """Return an optional time, None where it is absent."""
    return time(getattr(message, name)) if message.HasField(name) else None
