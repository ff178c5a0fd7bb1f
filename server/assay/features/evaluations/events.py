"""Typed status of evaluations: exact metrics of what has arrived so far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from assay.kernel.jobs.payloads import StatusPayload


class LiveMetrics(StatusPayload):
    """Exact metrics of the rows that are durable so far; those that need all rows are absent."""

    name: ClassVar[str] = "metrics"
    message: ClassVar[str | None] = "assay.v1.LiveMetrics"

    rows: int
    metrics: Mapping[str, float] = {}
    undefined: Mapping[str, str] = {}  # reasons, by metric
    problem: str | None = None  # why there are no metrics

    def wire(self) -> dict[str, Any]:
        """Return the fields of the message."""
        return {"rows": self.rows, "metrics": dict(self.metrics)}
