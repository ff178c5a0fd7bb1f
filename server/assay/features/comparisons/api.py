"""ComparisonService."""

from __future__ import annotations

from assay.features.comparisons import convert
from assay.features.comparisons.service import Comparisons
from assay.features.jobs import convert as jobs
from assay.kernel.rpc.call import Call
from assay.v1 import comparison_service_pb2, job_pb2


class ComparisonService:
    """Comparisons of two versions of one model."""

    def __init__(self, comparisons: Comparisons) -> None:
        self._comparisons = comparisons

    async def CompareVersions(
        self, request: comparison_service_pb2.CompareVersionsRequest, call: Call
    ) -> comparison_service_pb2.CompareVersionsResponse:
        """Return two versions and how they differ."""
        comparison = await call.run(
            self._comparisons.compare,
            call.organization_id,
            request.model_id,
            request.version_a,
            request.version_b,
        )
        return convert.comparison(comparison)

    async def StartComparison(
        self, request: comparison_service_pb2.StartComparisonRequest, call: Call
    ) -> job_pb2.Job:
        """Have two versions tested on the same rows."""
        job = await call.run(
            self._comparisons.start,
            call.organization_id,
            request.model_id,
            request.version_a,
            request.version_b,
            created_by=call.caller.subject,
        )
        return jobs.job(job, None)
