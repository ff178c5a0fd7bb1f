"""Benchmarks: started, watched, read and compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from assay.client import benchmark_convert as convert
from assay.client import benchmark_types as types
from assay.client.errors import BadInput, BenchmarkFailed, FailedPrecondition, Refusal
from assay.client.importing import Rows, import_extractions
from assay.client.transport import Transport
from assay.client.types import DocumentsCompared, FieldStanding, JobEvent, JobLevel
from assay.client.watching import watch_benchmark
from assay.v1 import benchmark_service_pb2 as pb
from assay.v1 import extraction_service_pb2
from assay.v1.benchmark_service_pb2_grpc import BenchmarkServiceStub
from assay.v1.extraction_service_pb2_grpc import ExtractionServiceStub

PAGE = 500

OnBenchmark = Callable[[types.BenchmarkStanding], None]


def ignore_standing(_: types.BenchmarkStanding) -> None:
    """Do nothing; the default of `on_progress`."""


class Benchmarking:
    """Benchmarks of extractions; part of `Client`."""

    _transport: Transport
    _new_request_id: Callable[[], str]

    @property
    def _benchmarks(self) -> BenchmarkServiceStub:
        return BenchmarkServiceStub(self._transport.channel)

    def run_benchmark(
        self,
        dataset_id: str,
        extractions: Rows | None = None,
        *,
        name: str = "",
        run_id: str = "",
        user_schema_id: str = "",
        compared_to: str = "",
        on_progress: OnBenchmark = ignore_standing,
    ) -> types.BenchmarkReport:
        """Send extractions, compare them with the ground truth, and return all numbers.

        Args:
            dataset_id: the ground truth.
            extractions: the path of a .csv or .jsonl file, or rows as `import_extractions` takes
                them; they become a run of this name. None compares what is stored.
            name: of the benchmark, and of the run that is made.
            run_id: a run that is stored; "" and no extractions: each document's newest extraction.
            user_schema_id: the field schema; "" is that of the dataset, or an inferred one.
            compared_to: a benchmark; "" is the dataset's previous one.
            on_progress: called once the extractions are stored and after each step of comparing.

        Raises:
            BadInput: the rows cannot be sent.
            BenchmarkFailed: its job ended without a result.
            ServiceError: refused.

        Example:
            >>> report = client.run_benchmark(dataset_id, "extractions.jsonl", name="nightly")
            >>> report.benchmark.accuracy_by_field["total_amount"]
            0.975
        """
        if extractions is not None:
            if run_id:
                raise BadInput("Pass either `extractions` or `run_id`, not both.")
            run_id = self._upload(extractions, name or "Extractions", on_progress)
        made = self.create_benchmark(
            dataset_id,
            name=name,
            run_id=run_id,
            user_schema_id=user_schema_id,
            compared_to=compared_to,
        )
        return self.follow_benchmark(made.benchmark_id, on_progress)

    def _upload(self, rows: Rows, name: str, told: OnBenchmark) -> str:
        told(types.BenchmarkStanding(phase="upload"))
        request = extraction_service_pb2.CreateExtractionRunRequest(
            name=name, request_id=self._new_request_id()
        )
        stub = ExtractionServiceStub(self._transport.channel)
        run_id = self._transport.call(stub.CreateExtractionRun, request).run_id
        try:
            done = import_extractions(self._transport, run_id, rows, self._new_request_id())
        except Exception:
            # Nothing was stored; an empty run would only be in the way.
            gone = extraction_service_pb2.DeleteExtractionRunRequest(run_id=run_id)
            self._transport.call(stub.DeleteExtractionRun, gone, again=False)
            raise
        told(types.BenchmarkStanding(phase="upload", documents=done.imported))
        return run_id

    def follow_benchmark(
        self, benchmark_id: str, on_progress: OnBenchmark = ignore_standing
    ) -> types.BenchmarkReport:
        """Watch a benchmark to its end and return all its numbers.

        Raises:
            BenchmarkFailed: its job ended without a result.
            ServiceError: refused.
        """
        total = self.get_benchmark(benchmark_id).documents_total
        documents = 0
        fields: dict[str, FieldStanding] = {}
        for item in self.watch_benchmark(benchmark_id):
            if isinstance(item, DocumentsCompared):
                documents += len(item.documents)
                for one in item.fields:
                    before = fields.get(one.field)
                    fields[one.field] = one if before is None else before + one
            elif isinstance(item, JobLevel):
                continue  # it says again what the events add up to
            on_progress(
                types.BenchmarkStanding(
                    phase="measure",
                    benchmark_id=benchmark_id,
                    documents=documents,
                    documents_total=total,
                    fields=dict(fields),
                )
            )
        report = self.benchmark_report(benchmark_id)
        if report.measures is None:
            raise _failed(report.benchmark)
        return report

    def create_benchmark(
        self,
        dataset_id: str,
        *,
        name: str = "",
        run_id: str = "",
        user_schema_id: str = "",
        compared_to: str = "",
    ) -> types.Benchmark:
        """Queue a benchmark of the dataset's documents as they are now, and return at once."""
        request = pb.CreateBenchmarkRequest(
            dataset_id=dataset_id,
            name=name,
            run_id=run_id,
            user_schema_id=user_schema_id,
            compared_to_run_id=compared_to,
            request_id=self._new_request_id(),
        )
        return convert.benchmark(self._transport.call(self._benchmarks.CreateBenchmark, request))

    def get_benchmark(self, benchmark_id: str) -> types.Benchmark:
        """Return one benchmark."""
        return self.benchmark_report(benchmark_id).benchmark

    def benchmark_report(self, benchmark_id: str) -> types.BenchmarkReport:
        """Return a benchmark with all its numbers and what decided them."""
        request = pb.GetBenchmarkRequest(benchmark_id=benchmark_id)
        return convert.report(self._transport.call(self._benchmarks.GetBenchmark, request))

    def list_benchmarks(
        self, *, dataset_id: str = "", status: str = ""
    ) -> Iterator[types.Benchmark]:
        """Yield benchmarks, newest first; of one dataset, or with one status, where given."""
        request = pb.ListBenchmarksRequest(limit=PAGE, dataset_id=dataset_id, status=status)
        while True:
            page = self._transport.call(self._benchmarks.ListBenchmarks, request)
            yield from map(convert.benchmark, page.benchmarks)
            if not page.next_cursor:
                return
            request.cursor = page.next_cursor

    def benchmark_results(
        self,
        benchmark_id: str,
        *,
        field: str = "",
        outcome: str = "",
        only_wrong: bool = False,
        page: int = PAGE,
    ) -> Iterator[types.DocumentResult]:
        """Yield what came of each document, by document id.

        Args:
            benchmark_id: a completed benchmark.
            field: only comparisons of this field, by its path, and documents that have one.
            outcome: only those with this outcome.
            only_wrong: only those that are not right.
            page: documents that are read at once.
        """
        request = pb.ListBenchmarkResultsRequest(
            benchmark_id=benchmark_id,
            limit=page,
            field=field,
            outcome=outcome,
            only_wrong=only_wrong,
        )
        while True:
            found = self._transport.call(self._benchmarks.ListBenchmarkResults, request)
            yield from map(convert.document_result, found.results)
            if not found.next_cursor:
                return
            request.cursor = found.next_cursor

    def compare_benchmarks(self, run_a: str, run_b: str) -> types.BenchmarkComparison:
        """Return what benchmark a has over benchmark b, on the same documents.

        Raises:
            FailedPrecondition: one is not completed, or other schemas, normalisers or ground
                truths decided their numbers.
        """
        request = pb.CompareBenchmarksRequest(run_a=run_a, run_b=run_b)
        found = self._transport.call(self._benchmarks.CompareBenchmarks, request)
        if not found.HasField("differences"):
            late = next(one for one in (found.run_a, found.run_b) if one.status != "completed")
            raise FailedPrecondition(
                Refusal(
                    message=f"Benchmark {late.benchmark_id} is {late.status}; only completed ones"
                    " are compared.",
                    reason="BENCHMARK_NOT_COMPLETED",
                    metadata={"benchmark_id": late.benchmark_id, "status": late.status},
                )
            )
        return convert.comparison(found)

    def cancel_benchmark(self, benchmark_id: str) -> types.Benchmark:
        """Cancel a benchmark that has not ended; watch a running one to see its end."""
        request = pb.CancelBenchmarkRequest(benchmark_id=benchmark_id)
        return convert.benchmark(
            self._transport.call(self._benchmarks.CancelBenchmark, request, again=False)
        )

    def watch_benchmark(
        self, benchmark_id: str, after_sequence: int = 0
    ) -> Iterator[JobEvent | DocumentsCompared | JobLevel]:
        """Yield a benchmark's events after a sequence, each once and in order, to the last.

        Between the changes of state are documents as they are compared; levels tell how right
        each field is so far. A connection that breaks is taken up where it stood.
        """
        return watch_benchmark(self._transport, benchmark_id, after_sequence)


def _failed(benchmark: types.Benchmark) -> BenchmarkFailed:
    failure = benchmark.failure
    return BenchmarkFailed(
        Refusal(
            message=failure.message if failure else f"Benchmark {benchmark.name} has no result.",
            reason=failure.reason if failure else benchmark.status.upper(),
            metadata={
                **(failure.metadata if failure else {}),
                "benchmark_id": benchmark.benchmark_id,
            },
        )
    )
