"""Numbers of an upload that is still going on. Runs in compute children alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assay.domain.evaluation_job import EvaluationJob
from assay.jobs.evaluating.partial import Partial, merge
from assay.jobs.evaluating.results import live_numbers


@dataclass(frozen=True, kw_only=True)
class LiveState:
    """What follows from the partials so far."""

    merged: bytes  # one partial in place of many
    data: Mapping[str, Any]  # {"rows": …, "metrics": {…}}


def live_state(job_spec: bytes, partials: Sequence[bytes]) -> LiveState:
    """Merge at least one partial and read the metrics that need no second look at the rows.

    `job_spec` is EvaluationJob.to_json(). Raises BadPredictions where partials do not fit.
    """
    merged = merge([Partial.from_bytes(data) for data in partials])
    numbers = live_numbers(merged, EvaluationJob.from_json(job_spec).spec)
    return LiveState(merged=merged.to_bytes(), data=numbers)
