"""The card of a version: what is said of it to those who run it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from assay.features.models.declared import DeclaredInput, DeclaredOutput, check_items
from assay.kernel.errors import InvalidArgument
from assay.records import Record

MAX_TEXT = 20_000  # characters of one text


class VersionCard(Record):
    """What was said of a version; None and empty: nothing was."""

    long_description: str = ""
    technical_details: str = ""
    performance_summary: str = ""
    inputs: tuple[DeclaredInput, ...] = ()  # in place of the model's
    outputs: tuple[DeclaredOutput, ...] = ()
    statistics: tuple[dict[str, Any], ...] | None = None  # in place of its metrics
    sample_input: str | None = None  # JSON, in place of the model's
    sample_output: str | None = None

    def __post_init__(self) -> None:
        check_items(self.inputs, self.outputs)
        for name in ("long_description", "technical_details", "performance_summary"):
            text = getattr(self, name)
            if len(text) > MAX_TEXT or "\x00" in text:
                raise InvalidArgument.of(
                    name, f"at most {MAX_TEXT} characters without U+0000 are allowed"
                )


class StoredCard(Record):
    """A card as it is stored, with the engines of its version."""

    model_id: str
    version_id: str
    minimum_engines: int = 0  # kept for the version alone
    maximum_engines: int | None = None  # None: nothing was said
    updated_at: datetime | None = None  # None: nothing was ever said
    card: VersionCard = VersionCard()
