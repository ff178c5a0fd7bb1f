"""Events of inference jobs."""

from __future__ import annotations

from typing import ClassVar

from assay.features.inference.model import FinishedInput
from assay.kernel.jobs.payloads import EventPayload


class InputFinished(EventPayload):
    """An input of the job finished: its outputs are read by its position or its name."""

    name: ClassVar[str] = "input"
    message: ClassVar[str | None] = "assay.v1.InferenceInputFinished"

    position: int
    input_name: str
    status: str
    engine: str
    elapsed_ms: int
    error: str | None = None

    @classmethod
    def of(cls, finished: FinishedInput) -> InputFinished:
        """Return the event of an input."""
        return cls(
            position=finished.position,
            input_name=finished.name,
            status=finished.state.value,
            engine=finished.engine,
            elapsed_ms=finished.elapsed_ms,
            error=finished.error,
        )
