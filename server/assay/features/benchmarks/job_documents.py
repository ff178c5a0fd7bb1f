"""Statistics of batches of a benchmark's documents: counts that merge, exactly, in any order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from assay.extraction.alignment import TooManyRows
from assay.extraction.comparison import DocumentComparison, compare
from assay.extraction.field_counts import ComparisonCounts
from assay.extraction.schema import FieldSchema
from assay.features.benchmarks.confidence_calibration import Confidences
from assay.features.benchmarks.results_artifact import (
    Compared,
    DocumentOutcomes,
    filter_counts,
    write_results,
)
from assay.features.benchmarks.snapshot_artifact import Document, read_blob
from assay.kernel.errors import BadPredictions

GROUP = 32  # statistics that are merged at once

Filters = dict[str, dict[str, int]]


@dataclass(frozen=True, kw_only=True)
class DocumentBatchStats:
    """The statistics of some documents."""

    counted: ComparisonCounts
    confidences: Confidences
    filters: Mapping[str, Mapping[str, int]]  # of results_artifact.filter_counts

    @classmethod
    def merge_all(cls, parts: Iterable[DocumentBatchStats]) -> DocumentBatchStats:
        """Return the statistics of the documents of all; few of them are held at a time."""
        rest = iter(parts)
        whole = cls(counted=ComparisonCounts.empty(), confidences=Confidences(slots={}), filters={})
        while group := list(islice(rest, GROUP)):
            group.append(whole)
            whole = cls(
                counted=ComparisonCounts.merge_all(one.counted for one in group),
                confidences=Confidences.merge_all(one.confidences for one in group),
                filters=_added(one.filters for one in group),
            )
        return whole


@dataclass(frozen=True, kw_only=True)
class ComparedDocuments:
    """Documents after their comparison."""

    stats: DocumentBatchStats
    results: bytes  # as results_artifact writes them
    outcomes: DocumentOutcomes


def compare_documents(
    sources: Sequence[str], read: Callable[[str], bytes], schema: FieldSchema
) -> ComparedDocuments:
    """Compare the documents of consecutive blobs of a snapshot; `read` returns a blob.

    Raises BadPredictions, which names the document, where one has a table that is too long.
    """
    compared = [
        Compared(source=number, document=one, found=_compared(one, schema))
        for number, address in enumerate(sources)
        for one in read_blob(read(address))
    ]
    documents = [one.found for one in compared]
    results, outcomes = write_results(sources, compared)
    stats = DocumentBatchStats(
        counted=ComparisonCounts.of_all(documents),
        confidences=Confidences.of(outcomes, documents),
        filters=filter_counts(outcomes),
    )
    return ComparedDocuments(stats=stats, results=results, outcomes=outcomes)


def _compared(one: Document, schema: FieldSchema) -> DocumentComparison:
    try:
        return compare(schema, one.expected, one.extracted, one.confidence)
    except TooManyRows as error:
        raise BadPredictions(
            f"The document '{one.document_id}' cannot be compared: {error}.",
            metadata={"document_id": one.document_id},
        ) from error


def _added(parts: Iterable[Mapping[str, Mapping[str, int]]]) -> Filters:
    sums: Filters = {}
    for part in parts:
        for path, counts in part.items():
            ours = sums.setdefault(path, {})
            for key, number in counts.items():
                ours[key] = ours.get(key, 0) + number
    return {path: dict(sorted(sums[path].items())) for path in sorted(sums)}
