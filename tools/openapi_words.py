"""Enumerations, defaults and bounds of text and number fields, taken from the server's own tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from assay.extraction.outcome import Outcome
from assay.extraction.schema import FieldType
from assay.features.benchmarks.model import BenchmarkStatus
from assay.features.datasets.model import SPLITS
from assay.features.evaluations.curves_service import DEFAULT_RESOLUTION
from assay.features.evaluations.diagnostics_service import DEFAULT_MISTAKES
from assay.features.evaluations.performance_service import (
    AVERAGES,
    DEFAULT_AVERAGE,
    DEFAULT_SPLIT,
)
from assay.features.jobs.rest import JOB_TYPES
from assay.features.models.model import TaskType
from assay.features.training.model import DONE, ERROR, OK, PENDING, JobType
from assay.kernel.jobs.states import JobState, ModelStatus, VersionStatus
from assay.kernel.jobs.watch import MAX_BOOKMARK_SECONDS
from assay.kernel.rpc.paging import DEFAULT_LIMIT, DEFAULT_PAGE

Json = dict[str, Any]

_INT32 = 2**31 - 1
_JOB = tuple(state.value.lower() for state in JobState)
# By `Message.field`, or by the name alone of a field that means the same in every message.
_WORDS: Mapping[str, Iterable[str]] = {
    "dataset_split": SPLITS,
    "average": AVERAGES,
    "task_type": TaskType,
    "outcome": Outcome,
    "exact_outcome": Outcome,
    "SchemaField.type": FieldType,
    "Model.status": ModelStatus,
    "Version.status": VersionStatus,
    "Evaluation.status": _JOB,
    "Job.status": _JOB,
    "ModelJob.status": (OK, ERROR),
    "ModelJob.state": (PENDING, DONE),
    "ModelJob.job_status": _JOB,
    "ModelMetrics.status": (OK, ERROR),
    "ModelMetrics.state": (PENDING, DONE),
    "job_type": JobType,
    "ListJobsRequest.status": _JOB,
    "GetJobStatusRequest.type": JOB_TYPES,
    "Benchmark.status": BenchmarkStatus,
    "ListBenchmarksRequest.status": BenchmarkStatus,
}
_DEFAULTS: Mapping[str, Json] = {
    "dataset_split": {"default": DEFAULT_SPLIT},
    "average": {"default": DEFAULT_AVERAGE},
    # The caps are no maxima: what is above them is taken as they are. An int32 is all that is read.
    "page_size": {"minimum": 0, "maximum": _INT32, "default": DEFAULT_PAGE},
    "limit": {"minimum": 1, "maximum": _INT32, "default": DEFAULT_LIMIT},
    "ListMisclassificationErrorsRequest.limit": {
        "minimum": 1,
        "maximum": _INT32,
        "default": DEFAULT_MISTAKES,
    },
    "resolution": {"minimum": 2, "maximum": _INT32, "default": DEFAULT_RESOLUTION},
    "min_confidence": {"minimum": 0, "maximum": 1},
    "bookmark_seconds": {
        "minimum": 0,
        "maximum": MAX_BOOKMARK_SECONDS,
        "default": MAX_BOOKMARK_SECONDS,
    },
    "ListEvaluationsRequest.dataset_split": {},  # a filter: absent, it takes all splits
}


def narrowed(schema: Json, message: str, field: str, *, is_optional: bool) -> Json:
    """Return the schema of a field with its enumeration; of an optional one with its default."""
    words = _WORDS.get(f"{message}.{field}", _WORDS.get(field))
    if words is not None:
        values = {"enum": [str(word) for word in words]}
        is_list = schema.get("type") == "array"
        schema = {**schema, "items": schema["items"] | values} if is_list else schema | values
    if not is_optional:
        return schema
    return schema | _DEFAULTS.get(f"{message}.{field}", _DEFAULTS.get(field, {}))
