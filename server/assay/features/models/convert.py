"""Models and versions on the wire."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from google.protobuf import struct_pb2

from assay.features.models.declared import (
    DeclaredInput,
    DeclaredOutput,
    check_counts,
    media_types,
)
from assay.features.models.model import NewModel, NewVersion, TaskType, Version
from assay.features.models.service import KnownModel, ModelChange
from assay.features.remote.convert import remote_message, remote_spec
from assay.kernel.errors import InvalidArgument, clip
from assay.kernel.rpc import values
from assay.kernel.rpc.messages import message_of, value_of
from assay.records import encode_text
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


def new_model(request: model_service_pb2.CreateModelRequest, created_by: str) -> NewModel:
    """Return what the request asks to create."""
    kind = task_type(request.task_type)
    return value_of(NewModel, request, task_type=kind, created_by=created_by, **_declared(request))


def model_change(request: model_service_pb2.UpdateModelRequest) -> ModelChange:
    """Return what the request asks to change."""
    declared = _declared(request)
    for name in ("inputs", "outputs"):
        declared[name] = declared[name] or None
    if request.HasField("sample_input"):
        declared["sample_input"] = declared["sample_input"] or ""
    if request.HasField("sample_output"):
        declared["sample_output"] = declared["sample_output"] or ""
    declared["tags"] = _tags(request.tags) if request.HasField("tags") else None
    return value_of(ModelChange, request, **declared)


def model(known: KnownModel) -> model_pb2.Model:
    """Return a model with its derived status as a message."""
    shown = known.model
    return message_of(
        model_pb2.Model,
        shown,
        status=known.status,
        inputs=[
            model_pb2.ModelInput(
                name=one.name,
                media_type=", ".join(one.media_types),
                maximum_size=one.maximum_size,
                description=one.description,
            )
            for one in shown.inputs
        ],
        outputs=[message_of(model_pb2.ModelOutput, one) for one in shown.outputs],
    )


def new_version(request: version_service_pb2.CreateVersionRequest, created_by: str) -> NewVersion:
    """Return what the request asks to create."""
    hyperparameters = values.from_struct("hyperparameters", request.hyperparameters)
    remote = remote_spec(request.remote) if request.HasField("remote") else None
    return value_of(
        NewVersion, request, hyperparameters=hyperparameters, created_by=created_by, remote=remote
    )


def version(stored: Version) -> version_pb2.Version:
    """Return a version as a message."""
    promotion: dict[str, Any] = (
        {} if stored.is_promoted else {"promoted_at": None, "promoted_by": None}
    )
    remote = stored.remote and remote_message(stored.remote)
    return message_of(
        version_pb2.Version, stored, trained_by=stored.created_by, remote=remote, **promotion
    )


def _declared(
    request: model_service_pb2.CreateModelRequest | model_service_pb2.UpdateModelRequest,
) -> dict[str, Any]:
    """Return what a request declares of a model; samples that are null are None."""
    check_counts(len(request.inputs), len(request.outputs))  # before each is converted
    return {
        "inputs": _inputs(request.inputs),
        "outputs": tuple(value_of(DeclaredOutput, one) for one in request.outputs),
        "sample_input": _sample("sample_input", request.sample_input),
        "sample_output": _sample("sample_output", request.sample_output),
    }


def _inputs(sent: Iterable[model_pb2.ModelInput]) -> tuple[DeclaredInput, ...]:
    return tuple(
        value_of(DeclaredInput, one, media_types=media_types(one.media_type)) for one in sent
    )


def _tags(sent: struct_pb2.ListValue) -> tuple[str, ...]:
    tags = [values.plain(one) for one in sent.values]
    for index, tag in enumerate(tags):
        if not isinstance(tag, str):
            raise InvalidArgument.of(f"tags[{index}]", "text is allowed, such as computer_vision")
    return tuple(tags)


def _sample(name: str, sent: struct_pb2.Value) -> str | None:
    """Return a sample as JSON; None where none was sent, or null."""
    checked = values.from_value(name, sent)
    return None if checked is None else encode_text(checked)
