"""Taking one file of predictions: streamed to a blob, measured by a job, answered when done."""

from __future__ import annotations

from collections.abc import AsyncIterator

from assay.features.datasets.model import check_split
from assay.features.evaluations.model import Evaluation, EvaluationSpec
from assay.features.evaluations.service import (
    EvaluationRequest,
    EvaluationUseCases,
    KnownEvaluation,
    evaluation_spec,
    truth_of,
)
from assay.features.evaluations.store import Evaluations
from assay.kernel.body_reader import Receiver
from assay.kernel.file_formats import file_format
from assay.kernel.idempotency import CreateRequest, create_once
from assay.kernel.jobs.watch import Watches
from assay.kernel.storage.blobs import BlobStore
from assay.kernel.storage.store import Store
from assay.kernel.threads import RunInThread

WAIT_SECONDS = 60.0


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
        source = file_format(content_type)
        await self._run_in_thread(lambda: self.check(organization_id, request))
        async with self._receiver.received(organization_id, pieces) as body:
            evaluation = await self._run_in_thread(
                lambda: self._submit(organization_id, request, source, body.address)
            )
        if wait:
            await self._watches.wait(organization_id, evaluation.job_id, self._wait_seconds)
        known = await self._run_in_thread(
            lambda: self._evaluations.get(organization_id, evaluation.evaluation_id)
        )
        if known.evaluation.error is not None:
            await self._run_in_thread(body.take_back)
            raise known.evaluation.error.refusal(evaluation_id=evaluation.evaluation_id)
        return known

    def check(self, organization_id: str, request: EvaluationRequest) -> EvaluationSpec:
        """Return what decides the numbers, before rows are taken; blocking.

        Raises InvalidArgument, NotFound and WrongTaskType.
        """
        check_split("dataset_split", request.dataset_split)
        with self._store.read() as uow:
            spec = evaluation_spec(uow, organization_id, request)
            truth_of(uow, organization_id, request, spec.task_type)
            return spec

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
