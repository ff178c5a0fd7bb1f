"""The parts of a version's report, as they are read from the service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from assay.client import Client, FailedPrecondition, PermissionDenied
from assay.client.types import (
    CalibrationReport,
    ClassificationReport,
    IntervalReport,
    MisclassificationErrors,
    PerformanceSummary,
    ResidualReport,
    SliceReport,
)

TARGETS = {"positive": "positive class", "top_label": "top label"}  # of a calibration
Part = TypeVar("Part")


@dataclass(kw_only=True)
class Page:
    """The parts of a report; what is absent is told of in `absent`."""

    summary: PerformanceSummary
    intervals: IntervalReport | None = None
    report: ClassificationReport | None = None
    calibration: CalibrationReport | None = None
    slices: SliceReport | None = None
    mistakes: MisclassificationErrors | None = None
    residuals: ResidualReport | None = None
    absent: dict[str, str] = field(default_factory=dict)  # part → why


def read_page(client: Client, model: str, version: str, split: str, *, mistakes: int) -> Page:
    """Read all parts of a report; raises ServiceError where there is no evaluation at all."""
    summary = client.performance.summary(model, version, split)
    page = Page(summary=summary)
    of = (model, summary.version_id, split)

    def part(name: str, read: Callable[[], Part]) -> Part | None:
        try:
            return read()
        except (FailedPrecondition, PermissionDenied) as error:
            page.absent[name] = error.message
            return None

    page.intervals = part("intervals", lambda: client.diagnostics.intervals(*of))
    page.slices = part("slices", lambda: client.diagnostics.slices(*of))
    if summary.task_type == "regression":
        page.residuals = part("residuals", lambda: client.diagnostics.residuals(*of))
        return page
    page.report = part("classes", lambda: client.performance.classification_report(*of))
    page.calibration = part("calibration", lambda: client.diagnostics.calibration(*of))
    page.mistakes = part(
        "mistakes", lambda: client.diagnostics.misclassification_errors(*of, limit=mistakes)
    )
    return page
