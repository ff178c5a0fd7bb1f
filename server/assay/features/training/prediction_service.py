"""Predictions of files: received, predicted by a compute child, sent on, and nothing kept."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from functools import partial

from assay.features.artifacts.model import VersionArtifact
from assay.features.artifacts.store import VersionArtifacts
from assay.features.models.store import Models
from assay.features.models.versions_store import Versions
from assay.features.training.prediction import PredictionWork, predict_file
from assay.features.training.prediction_rows import Format
from assay.kernel.body_reader import Receiver
from assay.kernel.errors import InvalidArgument, clip
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.kind import ComputeContext
from assay.kernel.kernel import Kernel
from assay.kernel.storage.failures import data_of

MAX_FILE_BYTES = 64 * 1024**2
PART_BYTES = 1024**2  # of what is told at once, as one message is bounded


@dataclass(frozen=True, kw_only=True)
class PredictionRequest:
    """What is asked."""

    model_id: str
    version_id: str  # its id, its label or N.0.0; "": the promoted one
    source: str  # a format of assay.tabular.opening
    format: Format
    scores: bool


def format_of(text: str) -> Format:
    """Return the format named `text`, or raise InvalidArgument; "" is JSON Lines."""
    try:
        return Format(text or Format.JSON_LINES)
    except ValueError:
        allowed = ", ".join(Format)
        raise InvalidArgument.of(
            "format", f"'{clip(text)}' was sent; {allowed} are allowed"
        ) from None


class FilePredictions:
    """Predictions of versions; async, as a file may be long."""

    def __init__(self, kernel: Kernel) -> None:
        self._store, self._blobs = kernel.store, kernel.blobs
        self._kernel, self._run_in_thread = kernel, kernel.run_in_thread
        self._receiver = Receiver(
            kernel.blobs,
            run_in_thread=kernel.run_in_thread,
            max_bytes=min(MAX_FILE_BYTES, kernel.limits.max_file_bytes),
        )

    async def predict(
        self, organization_id: str, request: PredictionRequest, pieces: AsyncIterator[bytes]
    ) -> AsyncGenerator[bytes, None]:
        """Yield the predictions of a file's rows; all are made before the first is told.

        Raises:
            NotFound: no such model or version.
            NoPromotedVersion: no version is named, and none is promoted.
            FailedPrecondition: the version runs nothing.
            BadFile, BadPredictions, TooLarge: the file cannot be predicted.
            DataDamaged: what predicts is not what was stored; it names the version.
        """
        made = await self._run_in_thread(lambda: self._artifact(organization_id, request))
        artifact = made.artifact
        async with self._receiver.received(organization_id, pieces, keep=False) as body:
            work = PredictionWork(
                file=body.address,
                source=request.source,
                artifact=artifact,
                format=request.format,
                scores=request.scores,
            )
            blobs = JobBlobs(self._blobs, organization_id)
            context = ComputeContext(blobs=blobs, settings=self._kernel.compute_settings)
            compute = self._kernel.network if artifact.waits else self._kernel.compute
            with data_of("version", made.version_id):
                found = await compute.run(predict_file, context, work)
            try:
                for address in found.blobs:
                    data = await self._run_in_thread(partial(blobs.read, address))
                    for at in range(0, len(data), PART_BYTES):
                        yield data[at : at + PART_BYTES]
            finally:
                await self._run_in_thread(found.draft.take_back)

    def _artifact(self, organization_id: str, request: PredictionRequest) -> VersionArtifact:
        """Return what predicts."""
        with self._store.read() as uow:
            model = uow[Models].get(organization_id, request.model_id)
            chosen = request.version_id
            if chosen:
                chosen = uow[Versions].find(organization_id, model.model_id, chosen).version_id
            return uow[VersionArtifacts].of(model, chosen)
