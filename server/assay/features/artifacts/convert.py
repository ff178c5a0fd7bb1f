"""ONNX uploads as messages."""

from __future__ import annotations

from assay.features.artifacts.service import OnnxUpload
from assay.features.models.model import NewVersion
from assay.kernel.errors import InvalidArgument, clip
from assay.kernel.rpc.call import Call
from assay.learning.onnx_declaration import ImageDeclaration, OnnxDeclaration
from assay.learning.rows import TaskType
from assay.v1 import onnx_service_pb2 as pb


def upload(request: pb.UploadOnnxVersionRequest, call: Call) -> OnnxUpload:
    """Return what the first message of an upload says; raises InvalidArgument."""
    image = ImageDeclaration(
        layout=request.image_layout,
        height=request.image_height,
        width=request.image_width,
        scale=request.image_scale if request.HasField("image_scale") else None,
        mean=tuple(request.image_mean),
        std=tuple(request.image_std),
    )
    declared = OnnxDeclaration(
        task_type=_task_type(request.task_type),
        features=tuple(request.features),
        labels=tuple(request.labels),
        output=request.output,
        logits=request.logits,
        image=image,
    )
    return OnnxUpload(
        model_id=request.model_id,
        new=NewVersion(
            version_id=request.version_id or None,
            label=request.label or None,
            created_by=call.caller.subject,
        ),
        declared=declared,
        request_id=call.idempotency_key(request.request_id),
        wait=not request.no_wait,
    )


def _task_type(text: str) -> TaskType | None:
    if not text:
        return None
    try:
        return TaskType(text)
    except ValueError:
        raise InvalidArgument.of(
            "task_type", f"'{clip(text)}' was sent; {', '.join(TaskType)} are allowed"
        ) from None
