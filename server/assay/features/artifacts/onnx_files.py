"""ONNX files as artifacts: checked by a compute child, and opened once in a process."""

from __future__ import annotations

import os
import signal
from typing import Any, Final

from assay.features.artifacts.model import Artifact
from assay.kernel.cache import BoundedCache
from assay.kernel.errors import BadFile, FailedPrecondition
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.kind import ComputeContext
from assay.learning.errors import BadModelFile
from assay.learning.onnx_declaration import MAX_BYTES, Known, OnnxDeclaration
from assay.learning.onnx_form import OnnxForm
from assay.learning.predictor import Predictor
from assay.records import encode

SESSION_BYTES: Final = 8 * 1024**2  # about what a session takes beside its weights
_MODELS: Final = BoundedCache(MAX_BYTES + SESSION_BYTES)  # by file and form


def check_file(address: str, declared: OnnxDeclaration, known: Known, blobs: JobBlobs) -> OnnxForm:
    """Return the form of a file; raises BadFile for one that is not run, and says why."""
    # ONNX Runtime is loaded where a file is checked or run, and in no other process.
    from assay.learning.onnx_examination import examine  # noqa: PLC0415  # as said above

    try:
        return examine(blobs.read(address), declared, known, stuck=_end_process)
    except BadModelFile as error:
        raise BadFile(f"The ONNX file is refused: {error}.") from error


def open_onnx(artifact: Artifact, context: ComputeContext) -> Predictor:
    """Return the model of a file that was checked; FailedPrecondition where it opens no longer."""
    key = (artifact.blob, encode(artifact.onnx))
    size = artifact.bytes + SESSION_BYTES
    found: Predictor = _MODELS.get(key, lambda: (_opened(artifact, context.blobs), size))
    return found


def _opened(artifact: Artifact, blobs: JobBlobs) -> Any:
    from assay.learning.onnx_model import OnnxModel  # noqa: PLC0415  # as above

    assert artifact.onnx is not None
    try:
        return OnnxModel.open(blobs.read(artifact.blob), artifact.onnx, stuck=_end_process)
    except BadModelFile as error:
        raise FailedPrecondition(
            f"The version's ONNX file, which was accepted once, cannot be opened: {error}. Upload "
            "it again."
        ) from error


def _end_process() -> None:
    """End this compute child, whose model cannot be stopped; the pool makes another one."""
    os.kill(os.getpid(), signal.SIGKILL)
