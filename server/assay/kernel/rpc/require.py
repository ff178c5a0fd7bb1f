"""Requirements of requests: required fields, and texts that both databases can look up.

Required fields are found by walking `google.api.field_behavior` in the descriptors.
"""

from __future__ import annotations

from dataclasses import dataclass

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from assay.kernel.errors import InvalidArgument, Violation


@dataclass(frozen=True, kw_only=True)
class Requirements:
    """The required fields and the texts of one request message."""

    scalars: tuple[str, ...]  # present when not empty
    messages: tuple[str, ...]  # present when set
    texts: tuple[str, ...]  # required or not; lists of texts and texts inside messages are not here

    @classmethod
    def of(cls, message: Descriptor) -> Requirements:
        """Return the requirements that the fields of `message` declare."""
        required = [field for field in message.fields if _is_required(field)]
        return cls(
            scalars=tuple(f.name for f in required if not _is_single_message(f)),
            messages=tuple(f.name for f in required if _is_single_message(f)),
            texts=tuple(f.name for f in message.fields if _is_single_text(f)),
        )

    def check(self, message: Message) -> None:
        """Raise InvalidArgument naming each required field that is absent, or a text with U+0000."""
        missing = [name for name in self.scalars if not getattr(message, name)]
        missing += [name for name in self.messages if not message.HasField(name)]
        if missing:
            raise missing_fields(missing)
        for name in self.texts:
            # SQLite would find nothing by such a text, and PostgreSQL cannot be asked for it.
            if "\x00" in getattr(message, name):
                raise InvalidArgument.of(name, "the character U+0000 is not allowed")


def missing_fields(names: list[str]) -> InvalidArgument:
    """Return the refusal of a request that lacks required fields."""
    plural = "s" if len(names) > 1 else ""
    return InvalidArgument(
        f"The request lacks the required field{plural} {', '.join(names)}. Send a value for each.",
        metadata={"missing": ", ".join(names)},
        violations=tuple(
            Violation(field=name, description="is required, but absent or empty") for name in names
        ),
    )


def _is_required(field: FieldDescriptor) -> bool:
    behaviour = field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
    return field_behavior_pb2.REQUIRED in behaviour


def _is_single_message(field: FieldDescriptor) -> bool:
    return field.message_type is not None and not field.is_repeated


def _is_single_text(field: FieldDescriptor) -> bool:
    return field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated
