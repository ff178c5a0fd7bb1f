"""The calls that read what lies behind the headline numbers."""

from __future__ import annotations

from assay.client import diagnostic_convert as convert
from assay.client import diagnostic_types as types
from assay.client.transport import Transport
from assay.v1 import diagnostics_service_pb2 as pb
from assay.v1.diagnostics_service_pb2_grpc import DiagnosticsServiceStub


class Diagnostics:
    """Curves, tables, mistakes and intervals of stored evaluations; part of `Client`.

    In every call an empty `version_id` is the promoted version, and `split` is train,
    validation or test. A class is named by its label; without one it is the positive class.
    """

    _transport: Transport

    @property
    def _behind(self) -> DiagnosticsServiceStub:
        return DiagnosticsServiceStub(self._transport.channel)

    def roc_curve(
        self,
        model_id: str,
        version_id: str = "",
        split: str = "test",
        *,
        class_label: str = "",
        resolution: int | None = None,
    ) -> types.RocCurve:
        """Return the ROC curve of a class against the rest.

        Args:
            model_id: the model.
            version_id: the version.
            split: the split.
            class_label: the class; without one the positive one, or the macro average of many.
            resolution: at most this many points, from 2 to 1000; 100 by default.
        """
        request = pb.GetRocCurveRequest(
            model_id=model_id,
            version_id=version_id,
            dataset_split=split,
            class_label=class_label,
            resolution=resolution,
        )
        return convert.roc_curve(self._transport.call(self._behind.GetRocCurve, request))

    def pr_curve(
        self,
        model_id: str,
        version_id: str = "",
        split: str = "test",
        *,
        class_label: str = "",
        resolution: int | None = None,
    ) -> types.PrCurve:
        """Return the precision-recall curve of a class against the rest.

        Args:
            model_id: the model.
            version_id: the version.
            split: the split.
            class_label: the class; mandatory where there is no positive one.
            resolution: at most this many points, from 2 to 500; 100 by default.
        """
        request = pb.GetPrCurveRequest(
            model_id=model_id,
            version_id=version_id,
            dataset_split=split,
            class_label=class_label,
            resolution=resolution,
        )
        return convert.pr_curve(self._transport.call(self._behind.GetPrCurve, request))

    def thresholds(
        self,
        model_id: str,
        version_id: str = "",
        split: str = "test",
        *,
        class_label: str = "",
        resolution: int | None = None,
        false_positive_cost: float | None = None,
        false_negative_cost: float | None = None,
    ) -> types.ThresholdTable:
        """Return what predicting a class from a threshold on gives, and the best thresholds.

        Args:
            model_id: the model.
            version_id: the version.
            split: the split.
            class_label: the class; mandatory where there is no positive one.
            resolution: at most this many rows, from 2 to 1000; 100 by default.
            false_positive_cost: what one costs; with it comes the cheapest threshold.
            false_negative_cost: the same; both or neither.
        """
        request = pb.GetThresholdsRequest(
            model_id=model_id,
            version_id=version_id,
            dataset_split=split,
            class_label=class_label,
            resolution=resolution,
            false_positive_cost=false_positive_cost,
            false_negative_cost=false_negative_cost,
        )
        return convert.thresholds(self._transport.call(self._behind.GetThresholds, request))

    def calibration(
        self, model_id: str, version_id: str = "", split: str = "test"
    ) -> types.Calibration:
        """Return how far confidences are true: of the headline and of every class."""
        request = pb.GetCalibrationRequest(
            model_id=model_id, version_id=version_id, dataset_split=split
        )
        return convert.calibration(self._transport.call(self._behind.GetCalibration, request))

    def misclassification_errors(
        self,
        model_id: str,
        version_id: str = "",
        split: str = "test",
        *,
        limit: int | None = None,
        true_label: str = "",
        predicted_label: str = "",
        min_confidence: float | None = None,
    ) -> types.MisclassificationErrors:
        """Return the most confident mistakes with the features of their rows.

        Args:
            model_id: the model.
            version_id: the version.
            split: the split.
            limit: at most this many, up to 500; 50 by default.
            true_label: only records that are this.
            predicted_label: only records that were predicted to be this.
            min_confidence: only mistakes of at least this confidence, 0 to 1.

        Raises:
            PermissionDenied: the caller may not read datasets, which rows are part of.
        """
        request = pb.ListMisclassificationErrorsRequest(
            model_id=model_id,
            version_id=version_id,
            dataset_split=split,
            limit=limit,
            true_label=true_label,
            predicted_label=predicted_label,
            min_confidence=min_confidence,
        )
        return convert.mistakes(
            self._transport.call(self._behind.ListMisclassificationErrors, request)
        )

    def residuals(
        self, model_id: str, version_id: str = "", split: str = "test"
    ) -> types.Residuals:
        """Return a regression's distribution of true less predicted."""
        request = pb.GetResidualsRequest(
            model_id=model_id, version_id=version_id, dataset_split=split
        )
        return convert.residuals(self._transport.call(self._behind.GetResiduals, request))

    def slices(
        self, model_id: str, version_id: str = "", split: str = "test", *, column: str = ""
    ) -> types.Slices:
        """Return the metrics of the rows that share a value of a slice column; of all, or one."""
        request = pb.GetSlicesRequest(
            model_id=model_id, version_id=version_id, dataset_split=split, column=column
        )
        return convert.slices(self._transport.call(self._behind.GetSlices, request))

    def intervals(
        self, model_id: str, version_id: str = "", split: str = "test"
    ) -> types.Intervals:
        """Return the confidence intervals of the metrics that have one."""
        request = pb.GetIntervalsRequest(
            model_id=model_id, version_id=version_id, dataset_split=split
        )
        return convert.intervals(self._transport.call(self._behind.GetIntervals, request))
