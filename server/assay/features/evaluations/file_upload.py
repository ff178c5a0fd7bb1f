"""Taking one file of predictions: streamed to a blob, measured by a job, answered when done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from assay.features.datasets.model import check_split
from assay.features.evaluations.model import Evaluation, EvaluationSpec
from assay.features.evaluations.service import (
    EvaluationRequest,
    EvaluationUseCases,
    KnownEvaluation,
    evaluation_spec,
)
from assay.features.evaluations.store import Evaluations
from assay.kernel.body_reader import Receiver
from assay.kernel.errors import AssayError, BadContentType, clip, error_classes
from assay.kernel.idempotency import CreateRequest, create_once
from assay.kernel.jobs.job import JobError
from assay.kernel.jobs.watch import MAX_BOOKMARK_SECONDS, Watches
from assay.kernel.storage.blobs import BlobStore
from assay.kernel.storage.store import Store
from assay.kernel.threads import RunInThread
from assay.tabular.opening import ARROW_FILE, ARROW_STREAM, CSV, JSON_LINES, PARQUET

WAIT_SECONDS = 60.0
FORMATS: Mapping[str, str] = {
    "text/csv": CSV,
    "application/csv": CSV,
    "text/tab-separated-values": CSV,
    "application/vnd.apache.parquet": PARQUET,
    "application/x-parquet": PARQUET,
    "application/vnd.apache.arrow.stream": ARROW_STREAM,
    "application/vnd.apache.arrow.file": ARROW_FILE,
    "application/x-ndjson": JSON_LINES,
    "application/jsonl": JSON_LINES,
}
ALLOWED = (
    "text/csv, application/x-ndjson and application/vnd.apache.(parquet|arrow.stream|arrow.file)"
)


class FileUploads:
    """Uploads of whole files; async, as a body may be long."""

    def __init__(
        self,
        store: Store,
        blobs: BlobStore,
        *,
        evaluations: EvaluationUseCases,
        watches: Watches,
        run_in_thread: RunInThread,
        max_file_bytes: int,
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        self._store = store
        self._evaluations = evaluations
        self._watches = watches
        self._run_in_thread = run_in_thread
        self._receiver = Receiver(blobs, run_in_thread=run_in_thread, max_bytes=max_file_bytes)
        self._wait_seconds = wait_seconds

    async def measure(
        self,
        organization_id: str,
        request: EvaluationRequest,
        *,
        content_type: str,
        pieces: AsyncIterator[bytes],
        wait: bool = True,
    ) -> KnownEvaluation:
        """Store a file, measure it, and return the evaluation when it ends or time is up.

        Without `wait` the evaluation is returned as soon as the file is stored.

        Raises:
            BadContentType: the file is of a format that is not read here.
            InvalidArgument, NotFound, WrongTaskType: the request cannot be served.
            TooLarge: the file is over its limit; nothing of it stays.
            BadFile, BadPredictions: the file cannot be measured; the evaluation is FAILED.
        """
        source = _source(content_type)
        await self._run_in_thread(lambda: self.check(organization_id, request))
        async with self._receiver.received(organization_id, pieces) as body:
            evaluation = await self._run_in_thread(
                lambda: self._submit(organization_id, request, source, body.address)
            )
        if wait:
            await self._wait(organization_id, evaluation.job_id)
        known = await self._run_in_thread(
            lambda: self._evaluations.get(organization_id, evaluation.evaluation_id)
        )
        if known.evaluation.error is not None:
            await self._run_in_thread(body.take_back)
            raise _as_error(known.evaluation.error, evaluation.evaluation_id)
        return known

    def check(self, organization_id: str, request: EvaluationRequest) -> EvaluationSpec:
        """Return what decides the numbers, before rows are taken; blocking.

        Raises InvalidArgument, NotFound and WrongTaskType.
        """
        check_split("dataset_split", request.dataset_split)
        with self._store.read() as uow:
            return evaluation_spec(uow, organization_id, request)

    def _submit(
        self, organization_id: str, request: EvaluationRequest, source: str, blob: str
    ) -> Evaluation:
        body = {"request": request.body, "blob": blob}
        with self._store.write() as uow:
            return create_once(
                uow,
                organization_id,
                CreateRequest(
                    method="UploadEvaluationFile", request_id=request.request_id, body=body
                ),
                make=lambda: self._evaluations.submit(
                    uow, organization_id, request, source=source, blob=blob
                ),
                again=lambda key: uow[Evaluations].get(organization_id, key),
                key_of=lambda evaluation: evaluation.evaluation_id,
            )

    async def _wait(self, organization_id: str, job_id: str) -> None:
        try:
            async with asyncio.timeout(self._wait_seconds):
                async for _ in self._watches.watch(
                    organization_id,
                    job_id,
                    after_sequence=0,
                    bookmark_seconds=MAX_BOOKMARK_SECONDS,
                ):
                    pass
        except TimeoutError:
            return  # the caller gets 202 and goes on by itself


def _source(content_type: str) -> str:
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in FORMATS:
        raise BadContentType(
            f"The content type '{clip(kind) or 'none'}' was sent; allowed are {ALLOWED}. "
            "Send the file as what it is, such as 'Content-Type: text/csv'.",
            metadata={"content_type": kind, "allowed": ALLOWED},
        )
    return FORMATS[kind]


def _as_error(stored: JobError, evaluation_id: str) -> AssayError:
    """Return the error that ended a job as the refusal that its uploader gets."""
    kinds = {kind.reason: kind for kind in error_classes()}
    kind = kinds.get(stored.reason, AssayError)
    error = AssayError.__new__(kind)
    AssayError.__init__(
        error,
        stored.message,
        metadata={**stored.metadata, "evaluation_id": evaluation_id},
        violations=stored.violations,
    )
    return error
