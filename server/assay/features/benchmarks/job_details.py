"""All numbers of a benchmark as JSON, in a document of sections that a reader takes one by one.

overall      the measures of all fields together, with the documents' counts
fields       the measures of each field, by path
calibration  the reliability table of each field that came with confidences, by path
filters      results_artifact.filter_counts of all documents
schema       the field schema, extraction.schema.FieldSchema.to_mapping()
environment  the numeric environment in which it was computed
"""

from __future__ import annotations

from typing import Any

from assay.extraction.measures import FieldMeasures, TrackMeasures, measures
from assay.features.benchmarks.job_documents import DocumentBatchStats
from assay.features.evaluations.partial_aggregate import environment
from assay.kernel.storage.indexed_json import write_sections


def benchmark_details(whole: DocumentBatchStats, schema: dict[str, Any]) -> bytes:
    """Return the details; equal statistics and schemas are equal bytes."""
    found = measures(whole.counted)
    confidences = whole.confidences
    overall = confidences.overall()
    return write_sections(
        {
            "overall": {
                **_field(found.overall),
                "documents": found.documents,
                "extracted_documents": found.extracted_documents,
                "perfect_documents": found.perfect_documents,
                "document_accuracy": found.document_accuracy,
                "unexpected_total": found.unexpected_total,
                "unexpected": dict(found.unexpected),
                "calibration": overall,
            },
            "fields": {path: _field(one) for path, one in found.by_field.items()},
            "calibration": {path: confidences.table(path) for path in confidences.slots},
            "filters": {path: dict(counts) for path, counts in whole.filters.items()},
            "schema": schema,
            "environment": environment(),
        }
    )


def _field(one: FieldMeasures) -> dict[str, Any]:
    return {
        "exact": _track(one.exact),
        "normalised": _track(one.normalised),
        "comparisons": one.comparisons,
        "mean_similarity": one.mean_similarity,
        "ambiguous": one.ambiguous,
        "documents": one.documents,
        "perfect_documents": one.perfect_documents,
    }


def _track(one: TrackMeasures) -> dict[str, Any]:
    return {
        "values": dict(one.values),
        "undefined": {name: reason.value for name, reason in one.undefined.items()},
        "outcomes": {outcome.value: number for outcome, number in one.outcomes.items()},
    }
