"""Models and versions on the wire."""

from __future__ import annotations

from collections.abc import Mapping

from assay.features.comparisons.model import PairedTests
from assay.features.comparisons.service import Paired
from assay.features.models.model import Model, NewModel, NewVersion, TaskType, Version
from assay.features.models.service import KnownModel, ModelChange
from assay.features.models.versions_service import Comparison
from assay.kernel.errors import InvalidArgument, clip
from assay.kernel.jobs.states import is_terminal
from assay.kernel.rpc import values
from assay.v1 import diagnostics_pb2, model_pb2, model_service_pb2, version_pb2, version_service_pb2


def task_type(text: str) -> TaskType:
    """Return the task type named `text`, or raise InvalidArgument."""
    try:
        return TaskType(text)
    except ValueError:
        allowed = ", ".join(TaskType)
        raise InvalidArgument.of(
            "task_type", f"'{clip(text)}' was sent; {allowed} are allowed"
        ) from None


def new_model(request: model_service_pb2.CreateModelRequest) -> NewModel:
    """Return what the request asks to create."""
    return NewModel(
        name=request.name,
        task_type=task_type(request.task_type),
        model_id=request.model_id or None,
        project_path=request.project_path or None,
        labels=tuple(request.labels) or None,
        positive_label=request.positive_label or None,
        description=request.description,
    )


def model_change(request: model_service_pb2.UpdateModelRequest) -> ModelChange:
    """Return the fields that the request sets."""
    return ModelChange(
        name=request.name if request.HasField("name") else None,
        description=request.description if request.HasField("description") else None,
        project_path=request.project_path if request.HasField("project_path") else None,
        positive_label=request.positive_label if request.HasField("positive_label") else None,
    )


def model(known: KnownModel) -> model_pb2.Model:
    """Return a model with its derived status as a message."""
    stored: Model = known.model
    return model_pb2.Model(
        model_id=stored.model_id,
        name=stored.name,
        task_type=stored.task_type.value,
        description=stored.description,
        project_path=stored.project_path,
        labels=stored.labels or (),
        positive_label=stored.positive_label,
        status=known.status.value,
        promoted_version_id=stored.promoted_version_id,
        created_at=values.timestamp(stored.created_at),
        updated_at=values.timestamp(stored.updated_at),
    )


def new_version(request: version_service_pb2.CreateVersionRequest, created_by: str) -> NewVersion:
    """Return what the request asks to create."""
    return NewVersion(
        version_id=request.version_id or None,
        label=request.label or None,
        algorithm=request.algorithm,
        hyperparameters=values.from_struct("hyperparameters", request.hyperparameters),
        created_by=created_by,
    )


def version(stored: Version) -> version_pb2.Version:
    """Return a version as a message."""
    promoted = stored.is_promoted
    return version_pb2.Version(
        version_id=stored.version_id,
        model_id=stored.model_id,
        version_number=stored.version_number,
        is_promoted=promoted,
        status=stored.status.value,
        algorithm=stored.algorithm,
        hyperparameters=values.struct(stored.hyperparameters),
        metrics=values.metrics(stored.metrics),
        label=stored.label,
        created_at=values.timestamp(stored.created_at),
        trained_at=values.timestamp(stored.trained_at),
        trained_by=stored.created_by,
        promoted_at=values.timestamp(stored.promoted_at) if promoted else None,
        promoted_by=stored.promoted_by if promoted else None,
    )


def promoted(stored: Version) -> version_service_pb2.PromoteVersionResponse:
    """Return what a promotion answers."""
    return version_service_pb2.PromoteVersionResponse(
        version_id=stored.version_id,
        model_id=stored.model_id,
        version_number=stored.version_number,
        is_promoted=True,
        promoted_at=values.timestamp(stored.promoted_at),
        promoted_by=stored.promoted_by or "",
    )


def comparison(found: Comparison) -> version_service_pb2.CompareVersionsResponse:
    """Return two versions and their differences as a message."""
    return version_service_pb2.CompareVersionsResponse(
        model_id=found.version_a.model_id,
        version_a=_compared(found.version_a),
        version_b=_compared(found.version_b),
        metric_deltas=values.metrics(found.metric_deltas),
        config_diff={
            name: version_service_pb2.ConfigDifference(
                version_a=values.value(a), version_b=values.value(b)
            )
            for name, (a, b) in found.config_diff.items()
        },
        comparable=found.comparable,
        paired_tests=_paired(found.paired, found.metric_deltas),
    )


def _paired(found: Paired, deltas: Mapping[str, float]) -> version_service_pb2.PairedTests:
    message = version_service_pb2.PairedTests(
        status=_paired_status(found),
        reason=found.reason,
        job_id=None if found.job is None else found.job.job_id,
    )
    if found.job is not None and found.job.error is not None:
        message.reason = found.job.error.reason
    tests = found.tests
    if tests is None or tests.reason is not None:
        return message
    _put_tests(message, tests, deltas)
    return message


def _put_tests(
    message: version_service_pb2.PairedTests, tests: PairedTests, deltas: Mapping[str, float]
) -> None:
    message.rows = tests.rows
    if tests.mcnemar is not None:
        message.mcnemar.CopyFrom(
            version_service_pb2.McNemarTest(
                only_a=tests.mcnemar.only_a,
                only_b=tests.mcnemar.only_b,
                p_value=tests.mcnemar.p_value,
            )
        )
    if tests.areas is not None:
        message.roc_auc.CopyFrom(
            version_service_pb2.AreasTest(
                area_a=tests.areas.area_a,
                area_b=tests.areas.area_b,
                difference=tests.areas.difference,
                low=tests.areas.low,
                high=tests.areas.high,
                p_value=tests.areas.p_value,
            )
        )
    message.differences.extend(
        diagnostics_pb2.MetricInterval(
            metric=name,
            value=deltas.get(name),
            low=one.low,
            high=one.high,
            level=one.level,
            method=one.method,
        )
        for name, one in sorted(tests.differences.items())
    )
    message.undefined.extend(values.undefined(tests.undefined))


def _paired_status(found: Paired) -> str:
    if found.reason is not None:
        return "impossible"
    if found.job is None:
        return "not_started"
    if found.tests is not None:
        return "done"
    return "failed" if is_terminal(found.job.state) else "running"


def _compared(stored: Version) -> version_service_pb2.ComparedVersion:
    return version_service_pb2.ComparedVersion(
        version_id=stored.version_id,
        version_number=stored.version_number,
        metrics=values.metrics(stored.metrics),
        hyperparameters=values.struct(stored.hyperparameters),
    )
