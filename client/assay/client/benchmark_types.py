"""Benchmarks of extractions, their results and comparisons, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from operator import add
from typing import Any, Literal

from assay.client.diagnostic_types import ReliabilityTable
from assay.client.quality_types import values_of
from assay.client.types import Failure, FieldStanding


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """The extractions of a dataset's documents, compared with its ground truth."""

    benchmark_id: str
    name: str
    dataset_id: str
    run_id: str | None  # None: each document's newest extraction
    user_schema_id: str | None  # None: the fields were inferred
    job_id: str
    status: str  # queued, running, completed or failed
    accuracy_overall: float | None  # None until completed
    accuracy_by_field: Mapping[str, float]  # by path; empty until completed
    documents_processed: int
    documents_total: int
    duration_ms: int | None  # from creation to end
    accuracy_delta: float | None  # less that of compared_to_run_id
    compared_to_run_id: str | None  # a benchmark
    failure: Failure | None
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class TrackMeasures:
    """Outcomes, and what is read off them; a measure without a value has a reason instead."""

    correct: int
    wrong_value: int
    invented: int
    missed: int
    correctly_empty: int
    values: Mapping[str, float]  # accuracy, accuracy_present, precision, recall, f1_score, …_rate
    undefined: Mapping[str, str]

    @property
    def right(self) -> int:
        """Comparisons that are right: a value, or its absence, is what was expected."""
        return self.correct + self.correctly_empty


@dataclass(frozen=True, kw_only=True)
class FieldMeasures:
    """The measures of one field, or of all together."""

    exact: TrackMeasures  # values as they are, to the character
    normalised: TrackMeasures  # made comparable by the normaliser; decides accuracy
    comparisons: int
    mean_similarity: float | None  # of a fuzzy field
    ambiguous: int  # comparisons that hung on a text with two readings
    documents: int
    perfect_documents: int
    calibration: ReliabilityTable | None  # None without confidences


@dataclass(frozen=True, kw_only=True)
class BenchmarkMeasures:
    """Everything that a completed benchmark has measured."""

    overall: FieldMeasures
    by_field: Mapping[str, FieldMeasures]  # by path, in the schema's order
    documents: int
    extracted_documents: int
    perfect_documents: int
    unexpected_fields: int  # extracted fields that the schema does not know
    unexpected_by_path: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class BenchmarkSpec:
    """What decides the numbers beside the extractions; only equal hashes compare."""

    spec_hash: str
    schema_hash: str
    schema_inferred: bool
    normaliser: str
    ground_truth_hash: str
    schema: Mapping[str, Any]
    environment: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class BenchmarkReport:
    """A benchmark with all its numbers; those are None until it is completed."""

    benchmark: Benchmark
    measures: BenchmarkMeasures | None
    spec: BenchmarkSpec | None


@dataclass(frozen=True, kw_only=True)
class FieldResult:
    """One comparison of one document."""

    field: str  # the path in the schema: line_items[].amount
    place: str  # in the document: line_items[2].amount
    correct: bool  # on the normalised track
    outcome: str  # correct, wrong_value, invented, missed or correctly_empty
    exact_outcome: str
    expected_json: str | None  # every digit; None: missing
    extracted_json: str | None
    similarity: float | None  # of a fuzzy field
    confidence: float | None  # what the extractor said

    @property
    def expected(self) -> Any:
        """What was expected; None also where it is missing."""
        return None if self.expected_json is None else values_of(self.expected_json)

    @property
    def extracted(self) -> Any:
        """What was extracted; None also where it is missing."""
        return None if self.extracted_json is None else values_of(self.extracted_json)


@dataclass(frozen=True, kw_only=True)
class DocumentResult:
    """What came of one document."""

    result_id: str
    document_id: str
    ground_truth_entry_id: str
    accuracy: float | None  # None: nothing was compared
    right: int
    comparisons: int  # all, whatever a filter left of them in `fields`
    fields: tuple[FieldResult, ...]
    unexpected: tuple[str, ...]  # extracted fields that the schema does not know


@dataclass(frozen=True, kw_only=True)
class AccuracyDifference:
    """How run a differs from run b, over all fields or in one."""

    accuracy_a: float | None
    accuracy_b: float | None
    delta: float | None  # a - b
    low: float | None  # of the delta's interval, by a paired bootstrap over documents
    high: float | None
    level: float  # of the interval
    fixed: int  # documents that are all right in a and not in b
    broken: int  # the other way round
    p_value: float  # McNemar's exact test of these two, two-sided
    verdict: str  # a_better, b_better or undecided, as the interval says


@dataclass(frozen=True, kw_only=True)
class BenchmarkComparison:
    """Run a against run b on the same documents by the same rules."""

    run_a: Benchmark  # what is asked about
    run_b: Benchmark  # what it is compared with
    documents: int
    overall: AccuracyDifference
    by_field: Mapping[str, AccuracyDifference]
    fixed_document_ids: tuple[str, ...]  # the first 100
    broken_document_ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class BenchmarkStanding:
    """Where a benchmark stands, as `on_progress` is told."""

    phase: Literal["upload", "measure"]
    benchmark_id: str | None = None  # None while extractions are sent
    documents: int = 0  # compared so far, or sent
    documents_total: int | None = None
    fields: Mapping[str, FieldStanding] = field(default_factory=dict)  # by path

    @property
    def overall(self) -> FieldStanding | None:
        """All fields so far, together; None before the first document."""
        return reduce(add, self.fields.values()) if self.fields else None
