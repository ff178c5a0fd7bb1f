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


def comparison(compared: Comparison) -> pb.CompareVersionsResponse:
    """Return two versions and their differences as a message."""
    return message_of(
        pb.CompareVersionsResponse,
        compared,
        model_id=compared.version_a.model_id,
        config_diff={
            name: pb.ConfigDifference(version_a=values.value(a), version_b=values.value(b))
            for name, (a, b) in compared.config_diff.items()
        },
        paired_tests=_paired(compared.paired, compared.metric_deltas),
    )


def _paired(paired: Paired, deltas: Mapping[str, float]) -> pb.PairedTests:
    job, tests = paired.job, paired.tests
    failure = None if job is None or job.error is None else job.error.reason
    head: dict[str, Any] = {
        "status": _paired_status(paired),
        "reason": failure or paired.reason,
        "job_id": None if job is None else job.job_id,
    }
    if tests is None or tests.reason is not None:
        return pb.PairedTests(**head)
    differences = metric_intervals(tests.differences, deltas)
    return message_of(pb.PairedTests, tests, differences=differences, **head)


def _paired_status(paired: Paired) -> str:
    if paired.reason is not None:
        return "impossible"
    if paired.job is None:
        return "not_started"
    if paired.tests is not None:
        return "done"
    return "failed" if is_terminal(paired.job.state) else "running"
