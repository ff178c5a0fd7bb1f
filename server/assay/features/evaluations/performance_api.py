"""PerformanceService, and PerformanceTableService for shapes that only JSON has."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from assay.features.evaluations import performance_convert as convert
from assay.features.evaluations.performance_service import (
    Performance,
    PerformanceReader,
    check_average,
)
from assay.kernel.rpc.call import Call
from assay.v1 import performance_pb2, performance_service_pb2, performance_table_service_pb2

M = TypeVar("M")

MAX_INLINE_LABELS = 64  # a matrix of more takes milliseconds to build: not on the event loop


class PerformanceService:
    """Stored evaluations, read."""

    def __init__(self, performance: PerformanceReader) -> None:
        self._performance = performance

    async def GetPerformanceSummary(
        self, request: performance_service_pb2.GetPerformanceSummaryRequest, call: Call
    ) -> performance_pb2.PerformanceSummary:
        """Return the headline metrics."""
        found = await call.run(
            self._performance.of,
            call.organization_id,
            request.model_id,
            request.version_id,
            request.dataset_split,
        )
        return convert.summary(found)

    async def GetClassificationReport(
        self, request: performance_service_pb2.GetClassificationReportRequest, call: Call
    ) -> performance_pb2.ClassificationReport:
        """Return the scores of every class."""
        average = check_average(request.average)
        found = await call.run(
            self._performance.of_classifier,
            call.organization_id,
            request.model_id,
            request.version_id,
            request.dataset_split,
        )
        return await _built(call, found, lambda it: convert.report(it, average))

    async def GetConfusionMatrix(
        self, request: performance_service_pb2.GetConfusionMatrixRequest, call: Call
    ) -> performance_pb2.ConfusionMatrix:
        """Return the confusion matrix as packed counts."""
        found = await call.run(
            self._performance.of_classifier,
            call.organization_id,
            request.model_id,
            request.version_id,
            request.dataset_split,
        )
        normalize = request.normalize
        return await _built(call, found, lambda it: convert.confusion(it, normalize=normalize))


class PerformanceTableService:
    """The REST face of the tables."""

    def __init__(self, performance: PerformanceReader) -> None:
        self._performance = performance

    async def GetConfusionTable(
        self, request: performance_table_service_pb2.GetConfusionTableRequest, call: Call
    ) -> performance_table_service_pb2.ConfusionTable:
        """Return the confusion matrix as rows."""
        found = await call.run(
            self._performance.of_classifier,
            call.organization_id,
            request.model_id,
            request.version_id,
            request.dataset_split,
        )
        normalize = request.normalize
        return await _built(
            call, found, lambda it: convert.confusion_table(it, normalize=normalize)
        )


async def _built(call: Call, found: Performance, build: Callable[[Performance], M]) -> M:
    if len(found.result.labels) <= MAX_INLINE_LABELS:
        return build(found)
    return await call.run_aside(lambda: build(found))
