"""Typed payloads of events and status updates: what a job says while it runs.

A kind registers the classes of its payloads; whatever else one of its tasks emits is refused. On
the wire a payload is the protobuf message that `message` names, built from its fields by their
names, or a `google.protobuf.Struct` where it names none: a new kind edits no proto of jobs.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from assay.records import Record


class Payload(Record):
    """A value that a job emits."""

    name: ClassVar[str]  # unique in its kind: the `type` of a JSON frame
    message: ClassVar[str | None] = None  # full name of its protobuf message; None: a Struct
    json_field: ClassVar[str | None] = None  # where it stands in a JSON frame; None: at `name`

    def wire(self) -> dict[str, Any]:
        """Return the fields of the message."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        return fields


class EventPayload(Payload):
    """Something that happened: numbered, logged, never dropped."""


class StatusPayload(Payload):
    """A value of which only the newest counts."""


class StateChanged(EventPayload, omit_defaults=True):
    """A change of a job's state."""

    name: ClassVar[str] = "state"
    json_field: ClassVar[str | None] = "state_changed"

    to: str  # a JobState
    from_state: str | None = msgspec.field(default=None, name="from")  # None: the job is new
    reason: str | None = None  # of the ledger or of the error


class Progress(StatusPayload):
    """How far a job is."""

    name: ClassVar[str] = "progress"
    message: ClassVar[str | None] = "assay.v1.JobProgress"

    done: int = 0  # tasks that are finished
    total: int = 0  # tasks planned so far, and those that are expected besides
    rows: int = 0  # rows that are durable


KERNEL_PAYLOADS: tuple[type[Payload], ...] = (StateChanged, Progress)
