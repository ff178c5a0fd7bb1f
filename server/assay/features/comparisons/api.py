"""ComparisonService."""

from __future__ import annotations

from assay.features.comparisons import convert
from assay.features.comparisons.service import Comparison, Comparisons
from assay.features.jobs.convert import job
from assay.kernel.jobs.job import Job
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.handler import handler
from assay.v1 import comparison_service_pb2 as pb


class ComparisonService:
    """Comparisons of two versions of one model."""

    def __init__(self, comparisons: Comparisons) -> None:
        self._comparisons = comparisons

    def _compared(self, sent: pb.CompareVersionsRequest, call: Call) -> Comparison:
        return self._comparisons.compare(
            call.organization_id, sent.model_id, sent.version_a, sent.version_b
        )

    def _started(self, sent: pb.StartComparisonRequest, call: Call) -> Job:
        pair = (sent.model_id, sent.version_a, sent.version_b)
        return self._comparisons.start(call.organization_id, *pair, created_by=call.caller.subject)

    CompareVersions = handler(_compared, convert.comparison)
    StartComparison = handler(_started, lambda started: job(started, None))
