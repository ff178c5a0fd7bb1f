"""The spec of the job that checks an uploaded file, and its result."""

from __future__ import annotations

from assay.features.artifacts.model import Artifact
from assay.learning.onnx_declaration import Known, OnnxDeclaration
from assay.records import Record

ONNX_KIND = "onnx_check"


class OnnxCheck(Record):
    """The spec of a check."""

    model_id: str
    version_id: str  # that the file becomes
    blob: str  # address of the file
    bytes: int
    declared: OnnxDeclaration  # by the sender
    known: Known  # of the model


class CheckedFile(Record):
    """What came of a check."""

    artifact: Artifact
