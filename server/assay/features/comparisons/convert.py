"""Comparisons of versions on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assay.features.comparisons.service import Comparison, Paired
from assay.features.evaluations.diagnostics_convert import metric_intervals
from assay.kernel.jobs.states import is_terminal
from assay.kernel.rpc import values
from assay.kernel.rpc.messages import message_of
from assay.v1 import comparison_service_pb2 as pb


def comparison(found: Comparison) -> pb.CompareVersionsResponse:
    """Return two versions and their differences as a message."""
    return message_of(
        pb.CompareVersionsResponse,
        found,
        model_id=found.version_a.model_id,
        config_diff={
            name: pb.ConfigDifference(version_a=values.value(a), version_b=values.value(b))
            for name, (a, b) in found.config_diff.items()
        },
        paired_tests=_paired(found.paired, found.metric_deltas),
    )


def _paired(found: Paired, deltas: Mapping[str, float]) -> pb.PairedTests:
    job, tests = found.job, found.tests
    failure = None if job is None or job.error is None else job.error.reason
    head: dict[str, Any] = {
        "status": _paired_status(found),
        "reason": failure or found.reason,
        "job_id": None if job is None else job.job_id,
    }
    if tests is None or tests.reason is not None:
        return pb.PairedTests(**head)
    differences = metric_intervals(tests.differences, deltas)
    return message_of(pb.PairedTests, tests, differences=differences, **head)


def _paired_status(found: Paired) -> str:
    if found.reason is not None:
        return "impossible"
    if found.job is None:
        return "not_started"
    if found.tests is not None:
        return "done"
    return "failed" if is_terminal(found.job.state) else "running"
