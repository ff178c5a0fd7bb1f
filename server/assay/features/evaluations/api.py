"""EvaluationService: predictions in, evaluations out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from functools import partial
from typing import Any

from google.protobuf import empty_pb2

from assay.features.evaluations import convert
from assay.features.evaluations.file_upload import FileUploads
from assay.features.evaluations.row_upload import RowUploads
from assay.features.evaluations.service import (
    EvaluationRequest,
    EvaluationUseCases,
    KnownEvaluation,
)
from assay.features.evaluations.upload import SentChunk, Uploads
from assay.kernel.errors import InvalidArgument
from assay.kernel.identity import Permission
from assay.kernel.rpc import values
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.messages import page_of, value_of
from assay.v1 import evaluation_pb2, evaluation_service_pb2

DEFAULT_SPLIT = "test"


class EvaluationService:
    """Evaluations of versions."""

    def __init__(
        self,
        evaluations: EvaluationUseCases,
        uploads: Uploads,
        files: FileUploads,
        rows: RowUploads,
    ) -> None:
        self._evaluations = evaluations
        self._uploads = uploads
        self._files = files
        self._rows = rows

    async def CreateEvaluation(
        self, request: evaluation_service_pb2.CreateEvaluationRequest, call: Call
    ) -> evaluation_pb2.Evaluation:
        """Open an upload."""
        known = await call.run(
            self._evaluations.open,
            call.organization_id,
            _asked(
                request,
                call,
                dataset_split=request.dataset_split,
                deadline=values.moment("deadline", request),
            ),
        )
        return convert.evaluation(known)

    async def UploadPredictions(
        self,
        requests: AsyncIterator[evaluation_service_pb2.UploadPredictionsRequest],
        call: Call,
    ) -> AsyncGenerator[evaluation_service_pb2.UploadPredictionsResponse, None]:
        """Take chunks and acknowledge each."""
        taken = self._uploads.take(call.organization_id, _chunks(requests))
        async with aclosing(taken):
            async for acknowledged in taken:
                yield evaluation_service_pb2.UploadPredictionsResponse(
                    first_row=acknowledged.first_row,
                    rows=acknowledged.rows,
                    next_row=acknowledged.next_row,
                    metrics=acknowledged.metrics,
                )

    async def FinishEvaluation(
        self, request: evaluation_service_pb2.FinishEvaluationRequest, call: Call
    ) -> evaluation_pb2.Evaluation:
        """End an upload and queue its measurement."""
        known = await call.run(
            self._evaluations.finish, call.organization_id, request.evaluation_id, request.rows
        )
        return convert.evaluation(known)

    async def UploadEvaluationFile(
        self,
        requests: AsyncIterator[evaluation_service_pb2.UploadEvaluationFileRequest],
        call: Call,
    ) -> evaluation_pb2.Evaluation:
        """Take one file, measure it and answer with the evaluation."""
        first = await anext(aiter(requests), None)
        if first is None:
            raise InvalidArgument("Nothing was sent. Send the model, the version and the file.")
        if first.truth_dataset:
            call.caller.require(Permission.DATASET_READ)
        asked = _asked(first, call, deadline=values.moment("deadline", first))
        known = await self._files.measure(
            call.organization_id,
            asked,
            content_type=first.file.content_type or call.metadata.get("content-type", ""),
            pieces=_pieces(first, requests),
            wait=not first.no_wait,
        )
        return _told(known, call)

    async def GetEvaluation(
        self, request: evaluation_service_pb2.GetEvaluationRequest, call: Call
    ) -> evaluation_pb2.Evaluation:
        """Return one evaluation."""
        known = await call.run(self._evaluations.get, call.organization_id, request.evaluation_id)
        return convert.evaluation(known)

    async def ListEvaluations(
        self, request: evaluation_service_pb2.ListEvaluationsRequest, call: Call
    ) -> evaluation_service_pb2.ListEvaluationsResponse:
        """Return a page of a version's evaluations."""
        page = await call.run(
            self._evaluations.list,
            call.organization_id,
            request.model_id,
            request.version_id,
            dataset_split=request.dataset_split,
            size=request.page_size,
            token=request.page_token,
        )
        return page_of(evaluation_service_pb2.ListEvaluationsResponse, page, convert.evaluation)

    async def GetEvaluationRevision(
        self, request: evaluation_service_pb2.GetEvaluationRevisionRequest, call: Call
    ) -> evaluation_pb2.Evaluation:
        """Return one revision of a version on a split."""
        known = await call.run(
            self._evaluations.revision,
            call.organization_id,
            request.model_id,
            request.version_id,
            dataset_split=request.dataset_split,
            number=request.revision,
        )
        return convert.evaluation(known)

    async def ServeEvaluation(
        self, request: evaluation_service_pb2.ServeEvaluationRequest, call: Call
    ) -> evaluation_pb2.Evaluation:
        """Serve an evaluation."""
        known = await call.run(self._evaluations.serve, call.organization_id, request.evaluation_id)
        return convert.evaluation(known)

    async def DeleteEvaluation(
        self, request: evaluation_service_pb2.DeleteEvaluationRequest, call: Call
    ) -> empty_pb2.Empty:
        """Delete an evaluation."""
        await call.run(
            self._evaluations.delete,
            call.organization_id,
            request.evaluation_id,
            cascade=request.cascade,
        )
        return empty_pb2.Empty()

    async def EvaluateRows(
        self, request: evaluation_service_pb2.EvaluateRowsRequest, call: Call
    ) -> evaluation_pb2.Evaluation:
        """Take a few rows, measure them and answer with the evaluation."""
        asked = _asked(request, call)
        known = await self._rows.measure(
            call.organization_id,
            asked,
            count=len(request.rows),
            rows=partial(convert.rows, request.SerializeToString()),
        )
        return _told(known, call)


def _asked(request: Any, call: Call, **given: Any) -> EvaluationRequest:
    """Return what a request asks to have measured; `given` are fields that it has otherwise."""
    return value_of(
        EvaluationRequest,
        request,
        request_id=call.idempotency_key(request.request_id),
        created_by=call.caller.subject,
        **{"dataset_split": request.dataset_split or DEFAULT_SPLIT, **given},
    )


def _told(known: KnownEvaluation, call: Call) -> evaluation_pb2.Evaluation:
    """Return an evaluation; of one that goes on a REST caller learns where to look."""
    if not known.is_terminal:
        call.respond(202, location=f"/api/v1/evaluations/{known.evaluation.evaluation_id}")
    return convert.evaluation(known)


async def _chunks(
    requests: AsyncIterator[evaluation_service_pb2.UploadPredictionsRequest],
) -> AsyncIterator[SentChunk]:
    async for request in requests:
        yield SentChunk(
            evaluation_id=request.evaluation_id,
            first_row=request.first_row,
            sha256=request.sha256,
            data=request.arrow,
        )


async def _pieces(
    first: evaluation_service_pb2.UploadEvaluationFileRequest,
    rest: AsyncIterator[evaluation_service_pb2.UploadEvaluationFileRequest],
) -> AsyncIterator[bytes]:
    yield first.file.data
    async for request in rest:
        yield request.file.data
