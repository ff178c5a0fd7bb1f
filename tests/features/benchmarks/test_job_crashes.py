"""Kill -9 of a benchmark's runner changes no number, loses no event and repeats no task."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from assay.features.benchmarks.job_spec import VERSION_BENCHMARK_KIND
from assay.features.benchmarks.job_version import VersionBenchmarkKind
from assay.features.benchmarks.model import BENCHMARK_KIND, BenchmarkResult, NewBenchmark
from assay.features.benchmarks.store import Benchmarks
from assay.features.extraction_runs.model import NewExtractionRun, Pair
from assay.features.extraction_runs.store import ExtractionRuns, Extractions
from assay.kernel.jobs.job import Job, NewJob
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import JobState
from assay.kernel.storage.indexed_json import SectionIndex
from assay.records import decode, encode, replace
from tests.fixtures.jobs import ORG, JobHarness
from tests.support.benchmark_in_process import InProcess, Ran, invoices
from tests.support.killed_runner import run_until_killed
from tests.support.kind_in_process import run_in_process
from tests.support.version_benchmark import spec_of

PAIRS = invoices(300, seed=3)
ROWS = [f"invoice-{number:05d}" for number in range(80, 100)]  # of the test split
DOCUMENTS = [pair.document_id for pair in PAIRS]


@pytest.fixture
def bench(blob_folder: Path) -> InProcess:
    return InProcess(blob_folder)


@pytest.fixture
def queued(harness: JobHarness, bench: InProcess) -> Job:
    """A benchmark of 300 documents in 12 tasks that nobody has taken yet."""
    spec = bench.spec(bench.snapshot(PAIRS, 25))
    with harness.store.write() as uow:
        job = uow[Jobs].submit(ORG, NewJob(kind=BENCHMARK_KIND, spec=encode(spec)))
        uow[Benchmarks].create(
            ORG,
            NewBenchmark(name="b", dataset_id="d"),
            benchmark_id=spec.benchmark_id,
            job_id=job.job_id,
            documents_total=300,
        )
    return job


@pytest.fixture
def expected(bench: InProcess) -> Ran:
    """The same documents without any runner, cut elsewhere."""
    return bench.run(PAIRS, 70)


def told(harness: JobHarness, job: Job) -> list[Any]:
    """Return the documents that the log tells of, each as often as it does."""
    return [
        document
        for kind, data in harness.events(job)
        if kind == "documents"
        for document in data["documents"]
    ]


def numbers(bench: InProcess, result: BenchmarkResult) -> dict[str, Any]:
    """Return all details but the numeric environment, which is not that of this process."""
    file = io.BytesIO(bench.blobs.read(result.details))
    index = SectionIndex.of(file)
    return {name: index.read(file, name, object) for name in index.places if name != "environment"}


@pytest.mark.parametrize(
    "boundary", [("claimed", 1), ("checkpoint", 1), ("checkpoint", 4), ("ended", 1)], ids=str
)
def test_a_killed_benchmark_ends_with_the_same_numbers(
    boundary: tuple[str, int],
    harness: JobHarness,
    queued: Job,
    bench: InProcess,
    expected: Ran,
    blob_folder: Path,
) -> None:
    """A benchmark killed at a boundary has the numbers of one that was not, each document once."""
    run_until_killed(harness, blob_folder, *boundary)
    with harness.store.read() as uow:
        before = uow[Jobs].tasks(ORG, queued.job_id)
    harness.runner(lease_seconds=60)  # far longer than the test: the dead lease is freed at once
    if boundary[0] != "ended":
        harness.signals.wait("ended", queued)
    ended = harness.job(queued)
    assert ended.state is JobState.SUCCEEDED
    assert ended.result is not None
    result = decode(BenchmarkResult, ended.result)
    assert numbers(bench, result) == numbers(bench, expected.result)
    assert (result.scores, result.spec_hash) == (expected.result.scores, expected.result.spec_hash)
    assert tuple(bench.documents(result)) == expected.documents
    assert sorted(one["document_id"] for one in told(harness, queued)) == DOCUMENTS
    with harness.store.read() as uow:
        after = {record.key: record for record in uow[Jobs].tasks(ORG, queued.job_id)}
        stored = uow[Benchmarks].get(ORG, "00000000-0000-4000-8000-000000000000")
    assert all(after[record.key] == record for record in before)
    assert stored.scores == expected.result.scores
    assert (stored.status, stored.documents_processed) == ("completed", 300)


def test_progress_counts_the_documents_that_are_durable(
    harness: JobHarness, queued: Job, blob_folder: Path
) -> None:
    """After a kill the benchmark has processed what its log tells of, no more and no less."""
    run_until_killed(harness, blob_folder, "checkpoint", 2)
    with harness.store.read() as uow:
        stored = uow[Benchmarks].get(ORG, "00000000-0000-4000-8000-000000000000")
    assert 0 < stored.documents_processed == len(told(harness, queued)) < 300
    assert stored.scores is None


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 3, 5])
def test_a_killed_benchmark_of_a_version_stores_each_extraction_once(
    count: int, harness: JobHarness, bench: InProcess, blob_folder: Path
) -> None:
    """Killed while it predicts, or joins, it ends with the scores and the run of one that was not."""
    split = [Pair(entry_id=row, document_id=row, expected='{"total_amount": "1"}') for row in ROWS]
    spec = spec_of(bench.blobs, split, documents=10, block_rows=6)
    with harness.store.write() as uow:
        run_id = uow[ExtractionRuns].create(ORG, NewExtractionRun(name="r")).run_id
        spec = replace(spec, run_id=run_id)
        job = uow[Jobs].submit(ORG, NewJob(kind=VERSION_BENCHMARK_KIND, spec=encode(spec)))
        new = NewBenchmark(name="b", dataset_id="d", run_id=run_id)
        uow[Benchmarks].create(
            ORG, new, benchmark_id=spec.benchmark_id, job_id=job.job_id, documents_total=len(ROWS)
        )
    run_until_killed(harness, blob_folder, "checkpoint", count)
    harness.runner(lease_seconds=60)
    harness.signals.wait("ended", job)
    ended = harness.job(job)
    assert ended.state is JobState.SUCCEEDED, ended.error
    calm = run_in_process(VersionBenchmarkKind(), spec, bench.blobs)
    assert decode(BenchmarkResult, ended.result or b"").scores == (
        decode(BenchmarkResult, calm.result).scores
    )
    with harness.store.read() as uow:
        stored = uow[Extractions].list(ORG, run_id, limit=100).items
    assert sorted(one.document_id for one in stored) == sorted(ROWS)
