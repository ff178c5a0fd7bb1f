"""Models and versions on the wire."""

from __future__ import annotations

from assay.features.models.model import Model, NewModel, NewVersion, TaskType, Version
from assay.features.models.service import KnownModel, ModelChange
from assay.kernel.errors import InvalidArgument, clip
from assay.kernel.rpc import values
from assay.v1 import model_pb2, model_service_pb2, version_pb2, version_service_pb2


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
        metrics=stored.metrics,
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
