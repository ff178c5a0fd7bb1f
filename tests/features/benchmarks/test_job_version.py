"""Benchmarks of versions: what a version extracts is compared as a stored run of it would be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assay.features.benchmarks import job_predictions, job_version
from assay.features.benchmarks.job_version import VersionBenchmarkKind
from assay.features.benchmarks.model import BenchmarkResult
from assay.features.benchmarks.unmatched import Unmatched
from assay.features.extraction_runs.model import Pair
from assay.learning.predictions import WordPredictions
from assay.learning.rows import TaskType
from assay.records import decode, replace
from tests.support.benchmark_in_process import InProcess
from tests.support.kind_in_process import InProcessRun, run_in_process
from tests.support.trained_versions import model_of
from tests.support.version_benchmark import spec_of, split

KIND = VersionBenchmarkKind()


@pytest.fixture
def bench(blob_folder: Path) -> InProcess:
    return InProcess(blob_folder)


@pytest.fixture(scope="module")
def read() -> list[Pair]:
    """The documents of the test split with what a small model reads, and truths that err."""
    [batch] = split().to_batches()
    found = model_of(TaskType.EXTRACTION).predict(batch)
    assert isinstance(found, WordPredictions)
    pairs = []
    for row, document_id in enumerate(found.row_ids):
        fields = dict(found.fields[row])
        expected = fields if row % 3 else dict.fromkeys(fields, "another")
        pairs.append(
            Pair(
                entry_id=f"00000000-0000-4000-8000-{row:012d}",
                document_id=document_id,
                expected=json.dumps(expected),
                data=json.dumps(fields),
                confidence=json.dumps(found.confidence(row)),
            )
        )
    return sorted(pairs, key=lambda one: one.document_id)


def result_of(run: InProcessRun) -> BenchmarkResult:
    return decode(BenchmarkResult, run.result)


def outcomes(bench: InProcess, result: BenchmarkResult) -> list[Any]:
    """Return each document's values and what came of them; the last bit of a confidence may differ."""
    return [
        (one.document_id, [(field.path, field.extracted, field.outcome) for field in one.fields])
        for one in bench.documents(result)
    ]


def test_numbers_are_those_of_the_stored_run(bench: InProcess, read: list[Pair]) -> None:
    """Scores and documents are those of a benchmark of a run that has what the version reads."""
    expected = bench.run(read, schema=None)
    result = result_of(run_in_process(KIND, spec_of(bench.blobs, read), bench.blobs))
    assert 0 < (result.scores.overall or 0) < 1
    assert (result.scores, result.spec) == (expected.result.scores, expected.result.spec)
    assert tuple(bench.documents(result)) == expected.documents
    assert bench.blobs.read(result.details) == expected.details
    assert result.unmatched is None


@pytest.mark.parametrize("stored", [1, 3])
def test_neither_cuts_nor_a_stop_change_a_number(
    bench: InProcess, read: list[Pair], stored: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows, blobs and tasks of any size give the same documents; what is done is not done again."""
    whole = result_of(run_in_process(KIND, spec_of(bench.blobs, read), bench.blobs))
    monkeypatch.setattr(job_predictions, "TASK_ROWS", 3)
    monkeypatch.setattr(job_predictions, "INDEXED", 2)
    monkeypatch.setattr(job_version, "FEW_TASKS", 3)
    spec = spec_of(bench.blobs, read, documents=stored, block_rows=7)
    run = run_in_process(KIND, spec, bench.blobs)
    result = result_of(run)
    assert (result.scores, result.unmatched) == (whole.scores, None)
    assert outcomes(bench, result) == outcomes(bench, whole)
    for count in (2, 8, len(run.records) - 1):
        rest = run_in_process(KIND, spec, bench.blobs, run.records[:count])
        assert rest.result == run.result
        assert len(rest.tasks) == len(run.tasks) - count


def test_documents_without_a_counterpart_are_told(
    bench: InProcess, read: list[Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of no document, and documents of no row, are counted and named, as are ids alike."""
    monkeypatch.setattr(job_predictions, "TASK_ROWS", 3)
    monkeypatch.setattr(job_predictions, "INDEXED", 2)
    ids = [one.document_id for one in read]
    truths = [
        replace(read[0], document_id=f" {ids[0]}"),
        *read[4:],
        replace(read[0], document_id="zz"),
    ]
    spec = spec_of(bench.blobs, truths, documents=2)
    result = result_of(run_in_process(KIND, spec, bench.blobs))
    assert result.unmatched == Unmatched(
        extractions=4,
        extraction_document_ids=tuple(ids[:4]),
        similar_document_ids=(f" {ids[0]}",),
        entries=2,
        entry_document_ids=(f" {ids[0]}", "zz"),
    )
    assert result.scores.extracted_documents == len(read) - 4
