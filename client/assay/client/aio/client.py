"""The asynchronous client: the calls of the synchronous one as coroutines."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Mapping
from types import TracebackType
from typing import Any, Self

import grpc
import grpc.aio

from assay.client import types
from assay.client.aio import calls
from assay.client.aio.transport import Transport
from assay.client.aio.watching import followed
from assay.client.base import BaseClient
from assay.client.benchmarks import in_schema_order
from assay.client.comparisons import UNTESTED
from assay.client.errors import BadInput, Conflict, ServiceError, from_rpc
from assay.client.evaluating import EvaluationPlan, Measuring, UploadWindow, succeeded
from assay.client.methods import TERMINAL_STATES
from assay.client.transport import is_cut
from assay.client.watching import Item, WatchState


class Jobs(calls.Jobs):
    """Jobs of the caller's organization."""

    def watch(self, job_id: str, after_sequence: int = 0) -> AsyncIterator[Item]:
        """Yield a job's events and status to its end, as the synchronous client does."""

        def opened(after: int) -> Any:
            return self._open_stream("WatchJob", {"job_id": job_id, "after_sequence": after})

        async def is_over(after: int) -> bool:
            job = await self.get(job_id)
            return job.status in TERMINAL_STATES and job.last_sequence <= after

        return followed(
            self._transport, WatchState(f"job {job_id}", after_sequence), opened, is_over
        )

    async def wait(self, job_id: str) -> None:
        """Return once a job has ended, however it did."""
        async for _ in self.watch(job_id):
            pass


class Benchmarks(calls.Benchmarks):
    """Benchmarks of extractions against ground truth."""

    async def get(self, benchmark_id: str) -> types.BenchmarkReport:
        """Return a benchmark; a completed one with all its numbers, fields in the schema's order.

        Args:
            benchmark_id: the benchmark.
        """
        return in_schema_order(await super().get(benchmark_id))

    def watch(self, benchmark_id: str, after_sequence: int = 0) -> AsyncIterator[Item]:
        """Yield a benchmark's events and status to its end, as the synchronous client does."""

        def opened(after: int) -> Any:
            values = {"benchmark_id": benchmark_id, "after_sequence": after}
            return self._open_stream("WatchBenchmark", values)

        async def is_over(_: int) -> bool:
            found = await self.get(benchmark_id)
            return found.benchmark.status in {"completed", "failed"}

        state = WatchState(f"benchmark {benchmark_id}", after_sequence)
        return followed(self._transport, state, opened, is_over)


class Comparisons(calls.Comparisons):
    """Comparisons of two versions of one model."""

    async def paired(self, model_id: str, version_a: str, version_b: str) -> types.Comparison:
        """Return a comparison in which both were tested on the same rows, where possible."""
        found = await self.get(model_id, version_a, version_b)
        if found.paired_tests.status not in UNTESTED:
            return found
        started = await self.start(model_id, version_a, version_b)
        await Jobs(self._transport).wait(started.job_id)
        return await self.get(model_id, version_a, version_b)


class Evaluations(calls.Evaluations):
    """Evaluations of versions; `Client.evaluate` makes one from rows to result."""

    async def run(self, plan: EvaluationPlan) -> types.Evaluation:
        """Create, upload, finish and watch an evaluation; return it once it has succeeded."""
        jobs = Jobs(self._transport)
        task_type = (await calls.Models(self._transport).get(plan.model_id)).task_type
        batches, total = plan.batches(task_type=task_type)  # before anything is created
        created = await self.create(**plan.created())
        try:
            sent = await self._upload(UploadWindow(created.evaluation_id, batches), total, plan)
            if sent == 0:
                raise BadInput("There are no rows; send at least one.")
            await self._finish(created.evaluation_id, sent)
        except (Exception, asyncio.CancelledError):
            # Nobody will go on with this upload; its refusal is what the caller sees.
            with contextlib.suppress(ServiceError):
                await jobs.cancel(created.job_id)
            raise
        measuring = Measuring(sent, plan.on_progress)
        async for item in jobs.watch(created.job_id):
            measuring.take(item)
        return succeeded(await self.get(created.evaluation_id))

    async def _finish(self, evaluation_id: str, rows: int) -> None:
        try:
            await self.finish(evaluation_id, rows)
        except Conflict as error:
            # This upload is ours alone: finished before means that our own first answer was lost.
            if error.reason != "UPLOAD_FINISHED":
                raise

    async def _upload(self, window: UploadWindow, total: int | None, plan: EvaluationPlan) -> int:
        """Send all batches; return the number of rows that are durable."""
        waits = self._transport.retry.waits()
        while True:
            before = window.next_row
            try:
                await self._stream(window, total, plan)
            except grpc.RpcError as error:
                if not is_cut(error) or not await self._transport.pause(waits):
                    raise from_rpc(error) from error
                # Acknowledgements may have been lost: the service says where the upload stands.
                window.reconnect((await self.get(window.evaluation_id)).next_row)
                if window.next_row > before:  # it worked for a while: patience starts anew
                    waits = self._transport.retry.waits()
            else:
                return window.next_row

    async def _stream(self, window: UploadWindow, total: int | None, plan: EvaluationPlan) -> None:
        outgoing: asyncio.Queue[Any] = asyncio.Queue()

        async def requests() -> AsyncIterator[Any]:
            while (request := await outgoing.get()) is not None:
                yield request

        call = self._transport.stream(self._rpc("UploadPredictions"), requests())
        answers = aiter(call)
        try:
            while True:
                # Encoding holds the interpreter for milliseconds: a thread keeps the loop free.
                for request in await asyncio.to_thread(window.requests):
                    outgoing.put_nowait(request)
                if not window.is_waiting:
                    break
                answer = await anext(answers)
                window.acknowledge(int(answer.next_row))
                plan.report_upload(window.next_row, total, answer.metrics)
            outgoing.put_nowait(None)
            async for _ in answers:  # the status: OK, or raised
                pass
        finally:
            call.cancel()


class Client(BaseClient[Awaitable[types.Evaluation]]):
    """A connection to one service, for use in an `async with` block.

    Its groups are those of `assay.client.Client`; calls are awaited, listings and watches are
    asynchronous iterators. Documents are imported with the synchronous client.

    Example:
        >>> async with Client() as client:
        ...     async for model in client.models.list():
        ...         summary = await client.performance.summary(model.model_id)
    """

    def _connect(self) -> None:
        channel = self._address.channel(grpc.aio)
        transport = self._transport = Transport(channel, **self._options)
        self.benchmarks = Benchmarks(transport)
        self.comparisons = Comparisons(transport)
        self.diagnostics = calls.Diagnostics(transport)
        self.evaluations = Evaluations(transport)
        self.extraction_runs = calls.ExtractionRuns(transport)
        self.field_schemas = calls.FieldSchemas(transport)
        self.ground_truth = calls.GroundTruth(transport)
        self.jobs = Jobs(transport)
        self.keys = calls.Keys(transport)
        self.models = calls.Models(transport)
        self.performance = calls.Performance(transport)
        self.server = calls.Server(transport)
        self.versions = calls.Versions(transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection; streams that are open end."""
        await self._transport.close()

    def _evaluate(self, plan: EvaluationPlan) -> Awaitable[types.Evaluation]:
        return self.evaluations.run(plan)

    async def _evaluate_rows(self, values: Mapping[str, Any]) -> types.Evaluation:
        made = await self.evaluations.create_from_rows(**values)
        if made.status not in TERMINAL_STATES:  # it takes longer than one request may
            await self.jobs.wait(made.job_id)
        return succeeded(await self.evaluations.get(made.evaluation_id))
