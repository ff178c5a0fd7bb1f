"""Comparisons of versions on the wire."""

from __future__ import annotations

from collections.abc import Mapping

from assay.features.comparisons.model import PairedTests
from assay.features.comparisons.service import Comparison, Paired
from assay.features.models.model import Version
from assay.kernel.jobs.states import is_terminal
from assay.kernel.rpc import values
from assay.v1 import comparison_service_pb2, diagnostics_pb2


def comparison(found: Comparison) -> comparison_service_pb2.CompareVersionsResponse:
    """Return two versions and their differences as a message."""
    return comparison_service_pb2.CompareVersionsResponse(
        model_id=found.version_a.model_id,
        version_a=_compared(found.version_a),
        version_b=_compared(found.version_b),
        metric_deltas=found.metric_deltas,
        config_diff={
            name: comparison_service_pb2.ConfigDifference(
                version_a=values.value(a), version_b=values.value(b)
            )
            for name, (a, b) in found.config_diff.items()
        },
        comparable=found.comparable,
        paired_tests=_paired(found.paired, found.metric_deltas),
    )


def _paired(found: Paired, deltas: Mapping[str, float]) -> comparison_service_pb2.PairedTests:
    message = comparison_service_pb2.PairedTests(
        status=_paired_status(found),
        reason=found.reason,
        job_id=None if found.job is None else found.job.job_id,
    )
    if found.job is not None and found.job.error is not None:
        message.reason = found.job.error.reason
    tests = found.tests
    if tests is None or tests.reason is not None:
        return message
    _put_tests(message, tests, deltas)
    return message


def _put_tests(
    message: comparison_service_pb2.PairedTests, tests: PairedTests, deltas: Mapping[str, float]
) -> None:
    message.rows = tests.rows
    if tests.mcnemar is not None:
        message.mcnemar.CopyFrom(
            comparison_service_pb2.McNemarTest(
                only_a=tests.mcnemar.only_a,
                only_b=tests.mcnemar.only_b,
                p_value=tests.mcnemar.p_value,
            )
        )
    if tests.areas is not None:
        message.roc_auc.CopyFrom(
            comparison_service_pb2.AreasTest(
                area_a=tests.areas.area_a,
                area_b=tests.areas.area_b,
                difference=tests.areas.difference,
                low=tests.areas.low,
                high=tests.areas.high,
                p_value=tests.areas.p_value,
            )
        )
    message.differences.extend(
        diagnostics_pb2.MetricInterval(
            metric=name,
            value=deltas.get(name),
            low=one.low,
            high=one.high,
            level=one.level,
            method=one.method,
        )
        for name, one in sorted(tests.differences.items())
    )
    message.undefined.extend(values.undefined(tests.undefined))


def _paired_status(found: Paired) -> str:
    if found.reason is not None:
        return "impossible"
    if found.job is None:
        return "not_started"
    if found.tests is not None:
        return "done"
    return "failed" if is_terminal(found.job.state) else "running"


def _compared(stored: Version) -> comparison_service_pb2.ComparedVersion:
    return comparison_service_pb2.ComparedVersion(
        version_id=stored.version_id,
        version_number=stored.version_number,
        metrics=stored.metrics,
        hyperparameters=values.struct(stored.hyperparameters),
    )
