"""DiagnosticsService: what lies behind the headline numbers.

Details may be large: reading and building them is done in a thread, never on the event loop.
"""

from __future__ import annotations

from assay.features.evaluations import diagnostics_convert as convert
from assay.features.evaluations.curves_service import Curves, check_costs
from assay.features.evaluations.diagnostics_service import Diagnostics, MistakeFilter
from assay.features.evaluations.performance_convert import key_of
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.messages import value_of
from assay.v1 import diagnostics_pb2, diagnostics_service_pb2


class DiagnosticsService:
    """Curves, tables and mistakes of stored evaluations, read."""

    def __init__(self, curves: Curves, diagnostics: Diagnostics) -> None:
        self._curves = curves
        self._diagnostics = diagnostics

    async def GetRocCurve(
        self, request: diagnostics_service_pb2.GetRocCurveRequest, call: Call
    ) -> diagnostics_pb2.RocCurve:
        """Return the ROC curve of a class, or the macro average."""
        points = request.resolution if request.HasField("resolution") else None
        return await call.run_in_thread(
            lambda: convert.roc_curve(
                self._curves.roc(key_of(request, call), request.class_label, points)
            )
        )

    async def GetPrCurve(
        self, request: diagnostics_service_pb2.GetPrCurveRequest, call: Call
    ) -> diagnostics_pb2.PrCurve:
        """Return the precision-recall curve of a class."""
        points = request.resolution if request.HasField("resolution") else None
        return await call.run_in_thread(
            lambda: convert.pr_curve(
                self._curves.precision_recall(key_of(request, call), request.class_label, points)
            )
        )

    async def GetThresholds(
        self, request: diagnostics_service_pb2.GetThresholdsRequest, call: Call
    ) -> diagnostics_pb2.ThresholdTable:
        """Return what each threshold gives."""
        points = request.resolution if request.HasField("resolution") else None
        false_positive, false_negative = (
            getattr(request, name) if request.HasField(name) else None
            for name in ("false_positive_cost", "false_negative_cost")
        )
        costs = check_costs(false_positive, false_negative)
        return await call.run_in_thread(
            lambda: convert.thresholds(
                self._curves.thresholds(key_of(request, call), request.class_label, points, costs)
            )
        )

    async def GetCalibration(
        self, request: diagnostics_service_pb2.GetCalibrationRequest, call: Call
    ) -> diagnostics_pb2.CalibrationReport:
        """Return the reliability tables."""
        return await call.run_in_thread(
            lambda: convert.calibration(*self._diagnostics.calibration(key_of(request, call)))
        )

    async def ListMisclassificationErrors(
        self, request: diagnostics_service_pb2.ListMisclassificationErrorsRequest, call: Call
    ) -> diagnostics_pb2.MisclassificationErrors:
        """Return the most confident mistakes."""
        wanted = value_of(MistakeFilter, request)
        return await call.run_in_thread(
            lambda: convert.mistakes(self._diagnostics.mistakes(key_of(request, call), wanted))
        )

    async def GetResiduals(
        self, request: diagnostics_service_pb2.GetResidualsRequest, call: Call
    ) -> diagnostics_pb2.ResidualReport:
        """Return the distribution of residuals."""
        return await call.run_in_thread(
            lambda: convert.residuals(*self._diagnostics.residuals(key_of(request, call)))
        )

    async def GetSlices(
        self, request: diagnostics_service_pb2.GetSlicesRequest, call: Call
    ) -> diagnostics_pb2.SliceReport:
        """Return the metrics by slice."""
        return await call.run_in_thread(
            lambda: convert.slices(*self._diagnostics.slices(key_of(request, call), request.column))
        )

    async def GetIntervals(
        self, request: diagnostics_service_pb2.GetIntervalsRequest, call: Call
    ) -> diagnostics_pb2.IntervalReport:
        """Return the intervals by metric."""
        return await call.run_in_thread(
            lambda: convert.intervals(self._diagnostics.intervals(key_of(request, call)))
        )
