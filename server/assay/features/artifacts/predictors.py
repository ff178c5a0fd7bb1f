"""Openers of what versions run; each process opens an artifact once for all rows it predicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import pyarrow as pa

from assay.features.artifacts.model import Artifact, ArtifactKind
from assay.features.artifacts.onnx_files import open_onnx
from assay.features.artifacts.stored_model import read_model
from assay.kernel.errors import FailedPrecondition
from assay.kernel.jobs.kind import ComputeContext
from assay.learning.errors import DataError
from assay.learning.predictions import Predictions
from assay.learning.predictor import Predictor

Opener = Callable[[Artifact, ComputeContext], Predictor]


def _trained(artifact: Artifact, context: ComputeContext) -> Predictor:
    return read_model(artifact.blob, context.blobs)


def _remote(artifact: Artifact, context: ComputeContext) -> Predictor:
    # gRPC is loaded where an endpoint is called, and in no other compute child.
    from assay.features.remote.remote_model import open_remote  # noqa: PLC0415 - as said above

    assert artifact.remote is not None
    return open_remote(artifact.remote, artifact.task_type, artifact.credentials, context)


# Each keeps what it opened last, by content.
_OPENERS: Final[Mapping[ArtifactKind, Opener]] = {
    ArtifactKind.TRAINED: _trained,
    ArtifactKind.ONNX: open_onnx,
    ArtifactKind.REMOTE: _remote,
}


def open_predictor(artifact: Artifact, context: ComputeContext) -> Predictor:
    """Return what an artifact predicts with; in compute children alone.

    Raises FailedPrecondition for an artifact that cannot run here, such as trees that another
    minor version of scikit-learn made.
    """
    return _OPENERS[artifact.kind](artifact, context)


def predicted(predictor: Predictor, batch: pa.RecordBatch) -> Predictions:
    """Return the predictions of canonical rows, for a job that needs those of all of them.

    Raises FailedPrecondition, which ends the job, for rows that cannot be predicted.
    """
    try:
        return predictor.predict(batch)
    except DataError as error:
        row = {} if error.row_id is None else {"row_id": error.row_id}
        raise FailedPrecondition(
            f"The version cannot predict the rows: {error}.", metadata=row
        ) from error
