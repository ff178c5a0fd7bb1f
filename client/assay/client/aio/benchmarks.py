"""Benchmarks: started, watched, read and compared."""

from __future__ import annotations

from collections.abc import AsyncIterator

from assay.client import types
from assay.client.aio import calls
from assay.client.aio.documents import ExtractionRuns
from assay.client.aio.watching import Item, WatchState, followed
from assay.client.benchmarking import (
    BenchmarkComparison,
    BenchmarkProgress,
    OnBenchmark,
    failed,
    ignore_benchmark,
    in_schema_order,
)
from assay.client.errors import BadInput, FailedPrecondition, Refusal
from assay.client.importing import Rows


class Benchmarks(calls.Benchmarks):
    """Benchmarks of extractions against ground truth."""

    async def run(
        self,
        dataset_id: str,
        extractions: Rows | None = None,
        *,
        name: str = "",
        run_id: str = "",
        user_schema_id: str = "",
        compared_to: str = "",
        model_id: str = "",
        version: str = "",
        documents: str = "",
        split: str = "",
        on_progress: OnBenchmark = ignore_benchmark,
    ) -> types.BenchmarkReport:
        """Send extractions, compare them with the ground truth, and return all numbers.

        Args:
            dataset_id: the ground truth.
            extractions: the path of a .csv or .jsonl file, or rows as
                `extraction_runs.import_extractions` takes them; they become a run of this name.
                None compares what is stored.
            name: of the benchmark, and of the run that is made.
            run_id: a run that is stored; "" and no extractions: each document's newest extraction.
            user_schema_id: the field schema; "" is that of the dataset, or an inferred one.
            compared_to: a benchmark; "" is the dataset's previous one.
            model_id: a model of extractions, which makes the run in place of those.
            version: its version: id, label or N.0.0; "" is the promoted one, else the newest.
            documents: id or name of the dataset whose rows it reads; row ids are document ids.
            split: of that dataset; "" is test, without one validation, else train.
            on_progress: called once the extractions are stored, or a version begins to make them,
                and after each step of comparing.

        Raises:
            BadInput: the rows cannot be sent, or extractions are given in two ways.
            BenchmarkFailed: its job ended without a result.
            ServiceError: refused.

        Example:
            >>> report = await client.benchmarks.run(dataset_id, "extractions.jsonl", name="nightly")
            >>> report.benchmark.accuracy_by_field["total_amount"]
            0.975
        """
        if extractions is not None:
            if run_id or model_id:
                other = "run_id" if run_id else "model_id"
                raise BadInput(f"Pass either `extractions` or `{other}`, not both.")
            run_id = await self._upload(extractions, name or "Extractions", on_progress)
        made = await self.create(
            dataset_id,
            name=name,
            run_id=run_id,
            user_schema_id=user_schema_id,
            compared_to=compared_to,
            model_id=model_id,
            version=version,
            documents=documents,
            split=split,
        )
        if model_id:
            on_progress(BenchmarkProgress(phase="extract", benchmark_id=made.benchmark_id))
        return await self.follow(made.benchmark_id, on_progress)

    async def _upload(self, rows: Rows, name: str, on_progress: OnBenchmark) -> str:
        on_progress(BenchmarkProgress(phase="upload"))
        runs = ExtractionRuns(self._transport)
        run_id = (await runs.create(name)).run_id
        try:
            done = await runs.import_extractions(run_id, rows)
        except BaseException:
            await runs.delete(run_id)  # nothing was stored; an empty run would only be in the way
            raise
        on_progress(BenchmarkProgress(phase="upload", documents=done.imported))
        return run_id

    async def get(self, benchmark_id: str) -> types.BenchmarkReport:
        """Return a benchmark; a completed one with all its numbers, fields in the schema's order.

        Args:
            benchmark_id: the benchmark.
        """
        return in_schema_order(await super().get(benchmark_id))

    async def follow(
        self, benchmark_id: str, on_progress: OnBenchmark = ignore_benchmark
    ) -> types.BenchmarkReport:
        """Watch a benchmark to its end and return all its numbers.

        Raises:
            BenchmarkFailed: its job ended without a result.
            ServiceError: refused.
        """
        total, documents = (await self.get(benchmark_id)).benchmark.documents_total, 0
        fields: dict[str, types.FieldAccuracy] = {}
        async for item in self.watch(benchmark_id):
            if isinstance(item, types.JobStatus):
                continue  # it says again what the events add up to
            if item.documents_compared is not None:
                documents += len(item.documents_compared.documents)
                for one in item.documents_compared.fields:
                    fields[one.field] = fields[one.field] + one if one.field in fields else one
            on_progress(
                BenchmarkProgress(
                    phase="measure",
                    benchmark_id=benchmark_id,
                    documents=documents,
                    documents_total=total,
                    fields=dict(fields),
                )
            )
        report = await self.get(benchmark_id)
        if report.measures is None:
            raise failed(report.benchmark)
        return report

    async def compare(self, run_a: str, run_b: str) -> BenchmarkComparison:
        """Return what benchmark a has over benchmark b, on the same documents.

        Raises:
            FailedPrecondition: one is not completed, or other schemas, normalisers or ground
                truths decided their numbers.
        """
        both = await self.compare_standings(run_a, run_b)
        found = both.differences
        if found is None:
            late = next(one for one in (both.run_a, both.run_b) if one.status != "completed")
            raise FailedPrecondition(
                Refusal(
                    message=f"Benchmark {late.benchmark_id} is {late.status}; only completed ones"
                    " are compared.",
                    reason="BENCHMARK_NOT_COMPLETED",
                    metadata={"benchmark_id": late.benchmark_id, "status": late.status},
                )
            )
        return BenchmarkComparison(
            run_a=both.run_a,
            run_b=both.run_b,
            documents=found.documents,
            overall=found.overall,
            by_field=found.by_field,
            fixed_document_ids=found.fixed_document_ids,
            broken_document_ids=found.broken_document_ids,
        )

    def watch(self, benchmark_id: str, after_sequence: int = 0) -> AsyncIterator[Item]:
        """Yield a benchmark's events after a sequence, each once and in order, to the last.

        Between the changes of state are documents as they are compared; status tells how right
        each field is so far. A connection that breaks is taken up where it stood.
        """

        def opened(after: int) -> object:
            values = {"benchmark_id": benchmark_id, "after_sequence": after}
            return self._open_stream("WatchBenchmark", values)

        async def is_over(_: int) -> bool:
            # Who may read benchmarks may not read jobs; what ended and tells nothing more is over.
            return (await self.get(benchmark_id)).benchmark.status in {"completed", "failed"}

        state = WatchState(f"benchmark {benchmark_id}", after_sequence)
        return followed(self._transport, state, opened, is_over)
