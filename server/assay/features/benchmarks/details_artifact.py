"""The sections of a benchmark's details: all its numbers, read one section at a time.

overall      the measures of all fields together, with the documents' counts
fields       the measures of each field, by path
calibration  the reliability table of each field that came with confidences, by path
filters      domain.benchmark_results.filter_counts of all documents
schema       the field schema, extraction.schema.FieldSchema.to_mapping()
environment  the numeric environment in which it was computed
"""

from __future__ import annotations

from typing import Final

OVERALL: Final = "overall"
FIELDS: Final = "fields"
CALIBRATION: Final = "calibration"
FILTERS: Final = "filters"
SCHEMA: Final = "schema"
ENVIRONMENT: Final = "environment"
