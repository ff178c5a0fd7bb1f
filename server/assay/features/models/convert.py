"""Models and versions on the wire."""

from __future__ import annotations

from typing import Any

from assay.features.models.model import NewModel, NewVersion, TaskType, Version
from assay.features.models.service import KnownModel
from assay.kernel.errors import InvalidArgument, clip
from assay.kernel.rpc import values
from assay.kernel.rpc.messages import message_of, value_of
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
    kind = task_type(request.task_type)
    return value_of(NewModel, request, task_type=kind)


def model(known: KnownModel) -> model_pb2.Model:
    """Return a model with its derived status as a message."""
    return message_of(model_pb2.Model, known.model, status=known.status)


def new_version(request: version_service_pb2.CreateVersionRequest, created_by: str) -> NewVersion:
    """Return what the request asks to create."""
    hyperparameters = values.from_struct("hyperparameters", request.hyperparameters)
    return value_of(NewVersion, request, hyperparameters=hyperparameters, created_by=created_by)


def version(stored: Version) -> version_pb2.Version:
    """Return a version as a message."""
    promotion: dict[str, Any] = (
        {} if stored.is_promoted else {"promoted_at": None, "promoted_by": None}
    )
    return message_of(version_pb2.Version, stored, trained_by=stored.created_by, **promotion)
