"""Evaluations: created, uploaded, finished and watched, over as many connections as that takes."""

# Made by `make generate` from aio/evaluations.py; never edited.

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import grpc

from assay.client import calls, types
from assay.client.concurrency import Outgoing, off_loop
from assay.client.connection import is_cut
from assay.client.dataset_rows import opened_rows
from assay.client.errors import BadInput, Conflict, ServiceError
from assay.client.evaluating import EvaluationPlan, Measuring, UploadWindow, succeeded
from assay.client.jobs import Jobs
from assay.client.sending import FileSender


class Evaluations(calls.Evaluations, FileSender):
    """Evaluations of versions; `Client.evaluate` makes one from rows to result."""

    def run(self, plan: EvaluationPlan) -> types.Evaluation:
        """Create, upload, finish and watch an evaluation; return it once it has succeeded.

        Raises:
            BadInput: the rows cannot be sent.
            EvaluationFailed: its job ended without a result.
            ServiceError: refused.
        """
        rows = plan.path or (plan.data if plan.truth else None)
        if rows is not None:
            return self._measured(self._send(rows, plan), plan)
        jobs = Jobs(self._transport)
        task_type = (calls.Models(self._transport).get(plan.created["model_id"])).task_type
        batches, total = plan.batches(task_type=task_type)  # before anything is created
        created = self.create(**plan.created)
        try:
            window = UploadWindow(created.evaluation_id, batches)
            sent = self._upload(window, total, plan)
            if sent == 0:
                raise BadInput("There are no rows; send at least one.")
            self._finish(created.evaluation_id, sent)
        except BaseException as error:  # an interrupt too
            # Nobody will go on with this upload; its refusal is what the caller sees.
            with contextlib.suppress(ServiceError):
                jobs.cancel(created.job_id)
                error.add_note(
                    f"Its job {created.job_id} is canceled: nothing of the upload is kept."
                )
            raise
        return self._measured(created, plan, rows=sent, metrics=window.metrics)

    def _send(self, rows: object, plan: EvaluationPlan) -> types.Evaluation:
        """Send a file, or rows as one; return their evaluation, which may not be measured yet."""
        content_type, source = off_loop(lambda: opened_rows(rows))
        return self._send_file(
            types.Evaluation, "UploadEvaluationFile", plan.asked, content_type, source
        )

    def _measured(
        self,
        created: types.Evaluation,
        plan: EvaluationPlan,
        *,
        rows: int = 0,
        metrics: Mapping[str, float] | None = None,
    ) -> types.Evaluation:
        measuring = Measuring(created.job_id, rows, metrics or {}, plan.on_progress)
        measuring.tell()  # whoever is interrupted from now on knows the job
        for item in Jobs(self._transport).watch(created.job_id):
            measuring.take(item)
        return succeeded(self.get(created.evaluation_id))

    def _finish(self, evaluation_id: str, rows: int) -> None:
        try:
            self.finish(evaluation_id, rows)
        except Conflict as error:
            # This upload is ours alone: finished before means that our own first answer was lost.
            if error.reason != "UPLOAD_FINISHED":
                raise

    def _upload(self, window: UploadWindow, total: int | None, plan: EvaluationPlan) -> int:
        """Send all batches; return the number of rows that are durable."""
        waits = self._transport.retry.waits()
        while True:
            before = window.next_row
            try:
                self._stream(window, total, plan)
            except grpc.RpcError as error:
                if not is_cut(error) or not self._transport.pause(waits):
                    raise self._transport.failure(error) from error
                # Acknowledgements may have been lost: the service says where the upload stands.
                window.reconnect((self.get(window.evaluation_id)).next_row)
                if window.next_row > before:  # it worked for a while: patience starts anew
                    waits = self._transport.retry.waits()
            else:
                return window.next_row

    def _stream(self, window: UploadWindow, total: int | None, plan: EvaluationPlan) -> None:
        outgoing = Outgoing()
        call = self._transport.stream(self._rpc("UploadPredictions"), iter(outgoing))
        answers = iter(call)
        try:
            while True:
                # Encoding holds the interpreter for milliseconds.
                for request in off_loop(window.requests):
                    outgoing.put_nowait(request)
                if not window.is_waiting:
                    break
                answer = next(answers)
                window.acknowledge(int(answer.next_row), answer.metrics)
                plan.report_upload(window.next_row, total, window.metrics)
            outgoing.put_nowait(None)
            for _ in answers:  # the status: OK, or raised
                pass
        finally:
            outgoing.put_nowait(None)  # lets gRPC's own thread go, where there is one
            call.cancel()
