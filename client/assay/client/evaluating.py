"""One evaluation from rows to result: create, upload, finish, watch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from assay.client import convert, types
from assay.client.errors import BadInput, Conflict, EvaluationFailed, Refusal, ServiceError
from assay.client.transport import Transport
from assay.client.upload import Upload
from assay.client.watching import watch
from assay.v1 import evaluation_service_pb2 as pb
from assay.v1.evaluation_service_pb2_grpc import EvaluationServiceStub
from assay.v1.job_service_pb2 import CancelJobRequest
from assay.v1.job_service_pb2_grpc import JobServiceStub

if TYPE_CHECKING:  # NumPy and PyArrow come with the extra `arrow`
    from assay.client.rows import Rows

CHUNK_BYTES = 1 << 20  # the most that the service takes
OnProgress = Callable[[types.Progress], None]
Values = Any  # one column: a NumPy array, list, Series, tensor, Arrow array, …


def rows_of(**given: Any) -> Rows:
    """Return the rows that were passed, as `Rows` takes them.

    Raises:
        BadInput: NumPy and PyArrow are not installed.
    """
    try:
        from assay.client.rows import Rows  # noqa: PLC0415 — they come with the extra `arrow`
    except ImportError as error:
        raise BadInput(
            "Sending rows needs NumPy and PyArrow: pip install 'assay-quality-client[arrow]'"
        ) from error
    return Rows(**given)


def ignore_progress(_: types.Progress) -> None:
    """Do nothing; the default of `on_progress`."""


class Evaluator:
    """Brings one evaluation to its end and tells of its progress."""

    def __init__(self, transport: Transport, on_progress: OnProgress, chunk_bytes: int) -> None:
        self._transport = transport
        self._stub = EvaluationServiceStub(transport.channel)
        self._jobs = JobServiceStub(transport.channel)
        self._on_progress = on_progress
        self._chunk_bytes = chunk_bytes

    def run(
        self, request: pb.CreateEvaluationRequest, rows: Rows, *, task_type: str
    ) -> types.Evaluation:
        """Return the evaluation once it has succeeded.

        Raises:
            BadInput: the rows cannot be sent.
            EvaluationFailed: its job ended without a result.
            ServiceError: refused.
        """
        numeric = task_type == "regression"
        source = rows.source(numeric_targets=numeric)  # before anything is created
        chunks = rows.chunks(source, numeric_targets=numeric, limit=self._chunk_bytes)
        created = self._transport.call(self._stub.CreateEvaluation, request)

        def acknowledged(answer: pb.UploadPredictionsResponse) -> None:
            self._on_progress(
                types.Progress(
                    phase="upload",
                    rows=answer.next_row,
                    total_rows=source.rows,
                    metrics=convert.metrics(answer.metrics),
                )
            )

        try:
            sent = Upload(self._transport, created.evaluation_id, acknowledged).send(chunks)
            if sent == 0:
                raise BadInput("There are no rows; send at least one.")
            self._finish(created.evaluation_id, sent)
        except Exception:
            self._give_up(created.job_id)
            raise
        self._watch(created.job_id, sent)
        return succeeded(self._transport, created.evaluation_id)

    def _give_up(self, job_id: str) -> None:
        """Cancel an upload that nobody will go on with; its refusal is what the caller sees."""
        with contextlib.suppress(ServiceError):
            self._transport.call(self._jobs.CancelJob, CancelJobRequest(job_id=job_id), again=False)

    def _finish(self, evaluation_id: str, rows: int) -> None:
        request = pb.FinishEvaluationRequest(evaluation_id=evaluation_id, rows=rows)
        try:
            self._transport.call(self._stub.FinishEvaluation, request)
        except Conflict as error:
            # This upload is ours alone: finished before means that our own first answer was lost.
            if error.reason != "UPLOAD_FINISHED":
                raise

    def _watch(self, job_id: str, rows: int) -> None:
        done = total = 0
        metrics: Mapping[str, float] = {}
        for item in watch(self._transport, job_id, 0):
            if isinstance(item, types.JobLevel):
                if item.progress is not None:
                    done, total = item.progress.done, item.progress.total
                metrics = metrics if item.metrics is None else item.metrics
            self._on_progress(
                types.Progress(
                    phase="measure",
                    rows=rows,
                    total_rows=rows,
                    done=done,
                    total=total,
                    metrics=metrics,
                )
            )


def succeeded(transport: Transport, evaluation_id: str) -> types.Evaluation:
    """Return an evaluation whose job has ended; raises EvaluationFailed if without a result."""
    stub = EvaluationServiceStub(transport.channel)
    request = pb.GetEvaluationRequest(evaluation_id=evaluation_id)
    result = convert.evaluation(transport.call(stub.GetEvaluation, request))
    if result.status == "succeeded":
        return result
    failure = result.failure or types.Failure(
        reason=result.status.upper(),
        message=f"Evaluation {evaluation_id} ended {result.status}.",
        metadata={},
    )
    raise EvaluationFailed(
        Refusal(
            message=failure.message,
            reason=failure.reason,
            metadata={**failure.metadata, "evaluation_id": evaluation_id},
        )
    )
