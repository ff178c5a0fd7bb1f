"""PerformanceService: stored evaluations, read."""

from __future__ import annotations

from assay.features.evaluations import performance_convert as convert
from assay.features.evaluations.performance_service import (
    PerformanceReader,
    check_average,
)
from assay.features.models.model import TaskType
from assay.kernel.rpc.call import Call
from assay.v1 import performance_pb2, performance_service_pb2


class PerformanceService:
    """Stored evaluations, read."""

    def __init__(self, performance: PerformanceReader) -> None:
        self._performance = performance

    async def GetPerformanceSummary(
        self, request: performance_service_pb2.GetPerformanceSummaryRequest, call: Call
    ) -> performance_pb2.PerformanceSummary:
        """Return the headline metrics."""
        found = await call.run(self._performance.of, convert.key_of(request, call))
        return convert.summary(found)

    async def GetClassificationReport(
        self, request: performance_service_pb2.GetClassificationReportRequest, call: Call
    ) -> performance_pb2.ClassificationReport:
        """Return the scores of every class."""
        average = check_average(request.average)
        found = await call.run(
            self._performance.of, convert.key_of(request, call), TaskType.CLASSIFICATION
        )
        return await call.build(lambda: convert.report(found, average), is_large=found.is_large)

    async def GetConfusionMatrix(
        self, request: performance_service_pb2.GetConfusionMatrixRequest, call: Call
    ) -> performance_pb2.ConfusionMatrix:
        """Return the confusion matrix as packed counts."""
        found = await call.run(
            self._performance.of, convert.key_of(request, call), TaskType.CLASSIFICATION
        )
        return await call.build(
            lambda: convert.confusion(found, normalize=request.normalize), is_large=found.is_large
        )
