"""PredictionService."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from google.api import httpbody_pb2

from assay.features.training.prediction_rows import CONTENT_TYPES
from assay.features.training.prediction_service import FilePredictions, PredictionRequest, format_of
from assay.kernel.file_formats import file_format
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.uploads import file_parts, first_of
from assay.v1 import prediction_service_pb2 as pb


class PredictionService:
    """Predictions of versions."""

    def __init__(self, predictions: FilePredictions) -> None:
        self._predictions = predictions

    async def PredictFile(
        self, requests: AsyncIterator[pb.PredictFileRequest], call: Call
    ) -> AsyncGenerator[httpbody_pb2.HttpBody, None]:
        """Stream the predictions of a file's rows."""
        first = await first_of(requests)
        content_type = first.file.content_type or call.metadata.get("content-type", "")
        asked = PredictionRequest(
            model_id=first.model_id,
            version_id=first.version_id,
            source=file_format(content_type),
            format=format_of(first.format),
            scores=first.scores,
        )
        pieces = file_parts(first, requests, "model_id")
        kind = CONTENT_TYPES[asked.format]
        async with aclosing(
            self._predictions.predict(call.organization_id, asked, pieces)
        ) as predicted:
            async for data in predicted:
                yield httpbody_pb2.HttpBody(content_type=kind, data=data)
